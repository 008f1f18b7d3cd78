/** Short notes at the foot of an office page. */
import { useMessage } from 'naive-ui'
import { useWords } from './words'

export function useMessages() {
  const message = useMessage()
  const { explain } = useWords()
  return {
    done: (text: string) => void message.success(text),
    note: (text: string) => void message.info(text),
    failed: (error: unknown) => void message.error(explain(error), { duration: 6000, closable: true }),
  }
}
