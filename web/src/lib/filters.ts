/** Filters live in the address, so that a list can be linked to and the back button works. */
import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

export function useFilter(name: string): WritableComputedRef<string | null> {
  const route = useRoute()
  const router = useRouter()
  return computed({
    get: () => {
      const value = route.query[name]
      return typeof value === 'string' && value !== '' ? value : null
    },
    set: (to) => {
      const query = { ...route.query }
      if (to) query[name] = to
      else delete query[name]
      void router.replace({ path: route.path, query })
    },
  })
}
