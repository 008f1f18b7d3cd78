/** Photos on their way to the platform: made smaller, sent at once, each with its own state. */
import { computed, onScopeDispose, ref } from 'vue'
import { api } from '@/api'
import { ApiError } from '@/api/client'
import { placeOf, shrink } from './image'

export const photos_max = 6

export interface Upload {
  key: number
  name: string
  preview: string
  share: number
  state: 'sending' | 'sent' | 'failed' | 'unreadable'
  id: string | null
  blob: Blob | null
  error: unknown
}

export function usePhotos(onPlace?: (place: { lon: number; lat: number }) => void) {
  const uploads = ref<Upload[]>([])
  let keys = 0

  function find(key: number): Upload | undefined {
    return uploads.value.find((u) => u.key === key)
  }
  async function send(key: number): Promise<void> {
    const upload = find(key)
    if (!upload?.blob) return
    upload.state = 'sending'
    upload.share = 0
    try {
      const photo = await api.uploadPhoto(upload.blob, upload.name, (share) => {
        upload.share = share
      })
      upload.id = photo.id
      upload.state = 'sent'
    } catch (error) {
      upload.error = error
      upload.state = error instanceof ApiError && error.status === 422 ? 'unreadable' : 'failed'
    }
  }
  async function add(files: FileList | File[]): Promise<void> {
    const room = photos_max - uploads.value.length
    const chosen = [...files].slice(0, room)
    await Promise.all(
      chosen.map(async (file) => {
        const key = ++keys
        uploads.value.push({
          key, name: file.name || 'photo.jpg', preview: '', share: 0, state: 'sending', id: null, blob: null, error: null,
        })
        const place = onPlace ? await placeOf(file) : null
        if (place) onPlace?.(place)
        const upload = find(key)
        if (!upload) return
        try {
          upload.blob = await shrink(file)
          upload.preview = URL.createObjectURL(upload.blob)
        } catch {
          upload.state = 'unreadable'
          return
        }
        await send(key)
      }),
    )
  }
  function remove(key: number): void {
    const upload = find(key)
    if (upload?.preview) URL.revokeObjectURL(upload.preview)
    uploads.value = uploads.value.filter((u) => u.key !== key)
  }
  function clear(): void {
    for (const upload of [...uploads.value]) remove(upload.key)
  }
  onScopeDispose(clear)
  return {
    uploads,
    ids: computed(() => uploads.value.flatMap((u) => (u.id ? [u.id] : []))),
    sending: computed(() => uploads.value.some((u) => u.state === 'sending')),
    add,
    remove,
    retry: send,
    clear,
  }
}
