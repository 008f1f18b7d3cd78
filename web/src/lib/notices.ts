import type { Notice } from '@/api/notices'

/** The page of what a notice is about; none where it has none. */
export function pageOf(notice: Notice): string | null {
  const [kind, id] = (notice.subject ?? '').split('/')
  return kind === 'Case' && id ? `/cases/${id}` : null
}
