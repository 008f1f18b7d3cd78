/** Photos that stay on the device until the work that they belong to is sent. */
import { computed, onScopeDispose, ref } from 'vue'
import { placeOf, shrink } from './image'

export const photos_max = 6

export interface LocalPhoto {
  key: number
  name: string
  preview: string
  blob: Blob | null
}

export function useLocalPhotos(onPlace?: (place: { lon: number; lat: number }) => void) {
  const photos = ref<LocalPhoto[]>([])
  let keys = 0

  async function add(files: FileList | File[]): Promise<void> {
    for (const file of [...files].slice(0, photos_max - photos.value.length)) {
      const key = ++keys
      const name = file.name || 'photo.jpg'
      const place = onPlace ? await placeOf(file) : null
      if (place) onPlace?.(place)
      try {
        const blob = await shrink(file)
        photos.value.push({ key, name, blob, preview: URL.createObjectURL(blob) })
      } catch {
        photos.value.push({ key, name, blob: null, preview: '' })
      }
    }
  }
  function remove(key: number): void {
    const photo = photos.value.find((p) => p.key === key)
    if (photo?.preview) URL.revokeObjectURL(photo.preview)
    photos.value = photos.value.filter((p) => p.key !== key)
  }
  function clear(): void {
    for (const photo of [...photos.value]) remove(photo.key)
  }
  onScopeDispose(clear)
  return { photos, add, remove, clear, ready: computed(() => photos.value.flatMap((p) => (p.blob ? [{ blob: p.blob, name: p.name }] : []))) }
}
