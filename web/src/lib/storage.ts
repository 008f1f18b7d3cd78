/** Small things remembered on this device; storage may be refused, and then nothing is remembered. */

const prefix = 'yunnao.'

export function recall<T>(key: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(prefix + key)
    return text === null ? otherwise : (JSON.parse(text) as T)
  } catch {
    return otherwise
  }
}

export function remember(key: string, value: unknown): void {
  try {
    if (value === null || value === undefined) localStorage.removeItem(prefix + key)
    else localStorage.setItem(prefix + key, JSON.stringify(value))
  } catch {
    // Private windows refuse storage; the page works without it.
  }
}
