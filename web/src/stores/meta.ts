/** Which city this is. */
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { api } from '@/api'
import type { Meta } from '@/api/types'
import { setTimeZone } from '@/lib/time'

export const useMeta = defineStore('meta', () => {
  const meta = ref<Meta | null>(null)
  const failed = ref(false)
  let pending: Promise<void> | null = null

  function load(): Promise<void> {
    pending ??= api
      .meta()
      .then((m) => {
        meta.value = m
        failed.value = false
        setTimeZone(m.city.time_zone)
      })
      .catch(() => {
        failed.value = true
        pending = null
      })
    return pending
  }
  return { meta, failed, load }
})
