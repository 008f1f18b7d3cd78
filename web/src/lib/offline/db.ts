/** What this device keeps while there is no network: tasks to read, work to send. IndexedDB. */

const name = 'yunnao'
const version = 1
export type StoreName = 'tasks' | 'outbox' | 'sheets'

let opened: Promise<IDBDatabase> | null = null

function open(): Promise<IDBDatabase> {
  opened ??= new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(name, version)
    request.onupgradeneeded = () => {
      request.result.createObjectStore('tasks', { keyPath: 'id' })
      request.result.createObjectStore('outbox', { keyPath: 'key' })
      request.result.createObjectStore('sheets', { keyPath: 'name' })
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('indexedDB'))
  }).catch((error: unknown) => {
    opened = null
    throw error
  })
  return opened
}
async function run<T>(store: StoreName, mode: IDBTransactionMode, act: (s: IDBObjectStore) => IDBRequest<T> | undefined): Promise<T | undefined> {
  const db = await open()
  return new Promise((resolve, reject) => {
    // Strict: an entry is only told as kept once it is on the disk, since a phone may die in the field.
    const tx = db.transaction(store, mode, { durability: 'strict' })
    const request = act(tx.objectStore(store))
    tx.oncomplete = () => resolve(request?.result)
    tx.onabort = tx.onerror = () => reject(tx.error ?? new Error('indexedDB'))
  })
}

export const db = {
  all: async <T>(store: StoreName): Promise<T[]> => ((await run(store, 'readonly', (s) => s.getAll())) ?? []) as T[],
  get: <T>(store: StoreName, key: string): Promise<T | undefined> => run<T>(store, 'readonly', (s) => s.get(key) as IDBRequest<T>),
  put: (store: StoreName, value: unknown): Promise<unknown> => run(store, 'readwrite', (s) => s.put(value)),
  remove: (store: StoreName, key: string): Promise<unknown> => run(store, 'readwrite', (s) => s.delete(key)),
  replace: (store: StoreName, values: unknown[]): Promise<unknown> =>
    run(store, 'readwrite', (s) => {
      s.clear()
      for (const value of values) s.put(value)
      return undefined
    }),
}
