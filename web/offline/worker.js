// Keeps the pages that must open without network: the field worker's and the citizens' report page.
// The build fills in which files these need; their names carry a hash, so a kept file is never stale.
const VERSION = '__VERSION__'
const FILES = '__FILES__'
const SHELL = `yunnao-shell-${VERSION}`
const DATA = 'yunnao-data'
const PHOTOS = 'yunnao-photos'
const photosMax = 200
const pageWaitMs = 4000
/** Answers that are the same for everybody and without which the pages cannot be drawn. */
const DATA_PATHS = ['/api/v1/meta', '/api/v1/areas/shapes', '/api/v1/departments', '/api/v1/categories', '/api/v1/areas']

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(SHELL)
      .then((cache) => cache.addAll(FILES))
      .then(() => self.skipWaiting()),
  )
})
self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith('yunnao-shell-') && name !== SHELL).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  )
})
// Signing out leaves nothing of one person's cases to the next.
self.addEventListener('message', (event) => {
  if (event.data === 'forget') event.waitUntil(caches.delete(PHOTOS))
})

async function page(request) {
  const shell = await caches.match('/index.html', { cacheName: SHELL })
  if (!shell) return fetch(request)
  const slow = new Promise((_, refuse) => setTimeout(() => refuse(new Error('slow')), pageWaitMs))
  try {
    return await Promise.race([fetch(request), slow])
  } catch {
    return shell
  }
}
async function asset(request) {
  return (await caches.match(request, { cacheName: SHELL })) ?? fetch(request)
}
async function data(request) {
  const cache = await caches.open(DATA)
  try {
    const answer = await fetch(request)
    if (answer.ok) await cache.put(request, answer.clone())
    return answer
  } catch (error) {
    const kept = await cache.match(request)
    if (kept) return kept
    throw error
  }
}
async function photo(request) {
  const cache = await caches.open(PHOTOS)
  const kept = await cache.match(request)
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.ok) {
    await cache.put(request, answer.clone())
    const keys = await cache.keys()
    for (const old of keys.slice(0, Math.max(0, keys.length - photosMax))) await cache.delete(old)
  }
  return answer
}

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (request.mode === 'navigate') event.respondWith(page(request))
  else if (FILES.includes(url.pathname)) event.respondWith(asset(request))
  else if (DATA_PATHS.includes(url.pathname)) event.respondWith(data(request))
  else if (/^\/api\/v1\/photos\/[^/]+$/.test(url.pathname) && url.searchParams.get('size') === 'thumb') event.respondWith(photo(request))
})
