/** The one place that talks HTTP: headers, errors and uploads. */

const base = '/api/v1'
const request_timeout_ms = 20_000
const upload_timeout_ms = 90_000

export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>

/** `pointer`: a JSON pointer into the request, e.g. `/body/rule/threshold/above`. */
export interface FieldProblem {
  pointer: string
  detail: string
  kind?: string
  limits?: Record<string, string | number>
}

/** An answer that is not a success; `detail` is a sentence in the reader's language. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    /** What is wrong where, in a request that does not fit its form. */
    readonly fields: readonly FieldProblem[] = [],
  ) {
    super(detail || code)
  }
  /** True when no answer came at all: no network, or nobody there. */
  get offline(): boolean {
    return this.status === 0
  }
}

let language = 'zh'
let onUnauthorized: () => void = () => undefined

export function setRequestLanguage(to: string): void {
  language = to
}
/** Called when a request says that the session has ended. */
export function whenUnauthorized(act: () => void): void {
  onUnauthorized = act
}

export function url(path: string, query: Query = {}): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const each of value) search.append(key, String(each))
    else if (value !== null && value !== undefined && value !== '') search.set(key, String(value))
  }
  const tail = search.toString()
  return base + path + (tail ? `?${tail}` : '')
}

function problem(status: number, body: unknown): ApiError {
  const p = (body ?? {}) as { code?: string; detail?: unknown; title?: string; errors?: FieldProblem[] }
  const detail = typeof p.detail === 'string' ? p.detail : (p.title ?? '')
  return new ApiError(status, p.code ?? `http_${status}`, detail, Array.isArray(p.errors) ? p.errors : [])
}

async function send<T>(
  method: string, path: string, query?: Query, body?: unknown, extra?: HeadersInit, timeout_ms = request_timeout_ms,
): Promise<T> {
  const headers = new Headers(extra)
  headers.set('Accept', 'application/json')
  headers.set('Accept-Language', language)
  if (method !== 'GET') headers.set('X-Yunnao', '1')
  if (body !== undefined) headers.set('Content-Type', 'application/json')
  let response: Response
  try {
    response = await fetch(url(path, query), {
      method,
      headers,
      credentials: 'same-origin',
      signal: AbortSignal.timeout(timeout_ms),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  } catch {
    throw new ApiError(0, 'no_connection', '')
  }
  const text = response.status === 204 ? '' : await response.text()
  let parsed: unknown = null
  try {
    parsed = text ? JSON.parse(text) : null
  } catch {
    if (response.ok) throw new ApiError(response.status, 'not_json', '')
  }
  if (response.ok) return parsed as T
  const error = problem(response.status, parsed)
  if (response.status === 401 && error.code !== 'wrong_credentials') onUnauthorized()
  throw error
}

export const http = {
  get: <T>(path: string, query?: Query) => send<T>('GET', path, query),
  post: <T>(path: string, body?: unknown, headers?: HeadersInit, timeout_ms?: number) =>
    send<T>('POST', path, undefined, body, headers, timeout_ms),
  put: <T>(path: string, body: unknown) => send<T>('PUT', path, undefined, body),
  patch: <T>(path: string, body: unknown) => send<T>('PATCH', path, undefined, body),
  delete: (path: string) => send<null>('DELETE', path),
}

/** Sends what must not be lost although the page is being left; nobody is there to read the answer. */
export function postLeaving(path: string, body: unknown): void {
  void fetch(url(path), {
    method: 'POST',
    keepalive: true,
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', 'Accept-Language': language, 'X-Yunnao': '1' },
    body: JSON.stringify(body),
  }).catch(() => undefined)
}

/** Upload one file as multipart field `file`; `progress` gets shares from 0 to 1. */
export function upload<T>(path: string, file: Blob, name: string, progress: (share: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const form = new FormData()
    form.append('file', file, name)
    // fetch cannot tell how much of a body has left, so uploads keep to XMLHttpRequest.
    const request = new XMLHttpRequest()
    request.open('POST', url(path))
    request.timeout = upload_timeout_ms
    request.responseType = 'json'
    request.setRequestHeader('Accept-Language', language)
    request.setRequestHeader('X-Yunnao', '1')
    request.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total)
    request.onload = () =>
      request.status < 300 ? resolve(request.response as T) : reject(problem(request.status, request.response))
    request.onerror = request.ontimeout = () => reject(new ApiError(0, 'no_connection', ''))
    request.send(form)
  })
}

/** Hands a file that the API makes to the browser; an error is thrown, not saved as a file. */
export async function download(path: string, query: Query, name: string): Promise<void> {
  const answer = await fetch(url(path, query), { credentials: 'same-origin', headers: { 'Accept-Language': language } })
  if (!answer.ok) throw problem(answer.status, await answer.json().catch(() => null))
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await answer.blob())
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
