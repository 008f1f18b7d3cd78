/** How many notices are unread; asked for while somebody is signed in. */
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { notices } from '@/api/notices'
import { useLive } from './live'

const every_ms = 60_000
const after_event_ms = 4_000

export const useNotices = defineStore('notices', () => {
  const live = useLive()
  const unread = ref(0)
  let watchers = 0
  let timer = 0
  let soon = 0
  let stop = (): void => undefined

  async function ask(): Promise<void> {
    unread.value = await notices.inbox({ unread: true, limit: 1 }).then((i) => i.unread, () => unread.value)
  }
  function watch(): () => void {
    watchers += 1
    if (watchers === 1) {
      void ask()
      timer = window.setInterval(() => !document.hidden && void ask(), every_ms)
      stop = live.watch((event) => {
        if (!event.subject.startsWith('cases.') || soon) return
        soon = window.setTimeout(() => {
          soon = 0
          void ask()
        }, after_event_ms)
      })
    }
    return () => {
      watchers -= 1
      if (watchers) return
      window.clearInterval(timer)
      window.clearTimeout(soon)
      soon = 0
      stop()
    }
  }
  async function read(ids: string[] | null): Promise<void> {
    unread.value = (await notices.read(ids)).unread
  }
  return { unread, ask, read, watch }
})
