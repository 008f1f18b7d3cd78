/** A list fetched page by page, with the states that every list has. */
import { computed, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import type { Page } from '@/api/types'

export const page_rows = 50
/** More rows than this nobody reads: the list then asks for narrower filters. */
export const rows_shown_max = 500

export interface Paged<T> {
  items: ShallowRef<T[]>
  total: Ref<number | null>
  next: Ref<string | null>
  state: ComputedRef<'loading' | 'empty' | 'error' | 'ready'>
  error: Ref<unknown>
  tooMany: ComputedRef<boolean>
  loadingMore: Ref<boolean>
  load: () => Promise<void>
  /** Fetch the first page again without showing the loading state. */
  refresh: () => Promise<void>
  more: () => Promise<void>
}

export function usePaged<T>(fetch: (page: { limit: number; cursor?: string }) => Promise<Page<T>>): Paged<T> {
  const items = shallowRef<T[]>([])
  const total = ref<number | null>(null)
  const next = ref<string | null>(null)
  const error = ref<unknown>(null)
  const loading = ref(true)
  const loadingMore = ref(false)
  /** Only the answer to the latest question counts. */
  let question = 0

  async function ask(limit: number, quiet: boolean): Promise<void> {
    const mine = ++question
    if (!quiet) loading.value = true
    try {
      const page = await fetch({ limit })
      if (mine !== question) return
      items.value = page.items
      total.value = page.total ?? null
      next.value = page.next ?? null
      error.value = null
    } catch (failure) {
      if (mine === question && !quiet) error.value = failure
    } finally {
      if (mine === question) loading.value = false
    }
  }
  async function more(): Promise<void> {
    if (!next.value || loadingMore.value) return
    const mine = question
    loadingMore.value = true
    try {
      const page = await fetch({ limit: page_rows, cursor: next.value })
      if (mine !== question) return
      items.value = [...items.value, ...page.items]
      next.value = page.next ?? null
    } catch (failure) {
      error.value = failure
    } finally {
      loadingMore.value = false
    }
  }
  return {
    items,
    total,
    next,
    error,
    loadingMore,
    state: computed(() =>
      loading.value ? 'loading' : error.value ? 'error' : items.value.length === 0 ? 'empty' : 'ready',
    ),
    tooMany: computed(() => items.value.length >= rows_shown_max && next.value !== null),
    load: () => ask(page_rows, false),
    refresh: () => ask(Math.min(rows_shown_max, Math.max(page_rows, items.value.length)), true),
    more,
  }
}
