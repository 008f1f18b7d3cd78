/** Has the browser keep the pages that must open without network. */
export async function keepOffline(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  try {
    await navigator.serviceWorker.register('/sw.js')
    // Asked for once, so that the browser does not throw unsent work away when the disk is full.
    if (navigator.storage?.persisted && !(await navigator.storage.persisted())) await navigator.storage.persist()
  } catch {
    // Without a secure context there are no workers; the page then needs its network.
  }
}
/** Leaves nothing of one person's cases on the device. */
export function forgetOffline(): void {
  navigator.serviceWorker?.controller?.postMessage('forget')
}
