/** Photos are made smaller on the phone, so that a report leaves quickly on a weak network. */

const side_max_px = 2000
const jpeg_quality = 0.85

/** The photo as a JPEG of at most 2,000 px a side, turned upright and without its EXIF data. */
export async function shrink(file: File): Promise<Blob> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' })
  try {
    const scale = Math.min(1, side_max_px / Math.max(bitmap.width, bitmap.height))
    const canvas = document.createElement('canvas')
    canvas.width = Math.max(1, Math.round(bitmap.width * scale))
    canvas.height = Math.max(1, Math.round(bitmap.height * scale))
    const context = canvas.getContext('2d')
    if (!context) return file
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/jpeg', jpeg_quality))
    return blob ?? file
  } finally {
    bitmap.close()
  }
}

/** Where the photo was taken, if the camera wrote it down (EXIF GPS, WGS 84). */
export async function placeOf(file: File): Promise<{ lon: number; lat: number } | null> {
  try {
    const { gps } = await import('exifr/dist/lite.esm.mjs')
    const found = await gps(file)
    if (!found || !Number.isFinite(found.latitude) || !Number.isFinite(found.longitude)) return null
    if (found.latitude === 0 && found.longitude === 0) return null
    return { lon: found.longitude, lat: found.latitude }
  } catch {
    return null
  }
}
