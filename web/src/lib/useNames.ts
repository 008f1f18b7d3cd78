/** Names of departments, areas and products by their codes. */
import { onMounted } from 'vue'
import { useDirectory } from '@/stores/directory'
import { useWords } from './words'

export function useNames() {
  const directory = useDirectory()
  const { say } = useWords()
  onMounted(() => {
    void directory.loadDepartments()
    void directory.loadDistricts()
  })
  return {
    directory,
    department: (id: string | null | undefined): string =>
      id ? say(directory.departments.find((d) => d.id === id)?.name) || id : '',
    area: (code: string | null | undefined): string =>
      code ? say(directory.districts.find((a) => a.code === code)?.name) || code : '',
    product: (name: string): string => say(directory.products.find((p) => p.product === name)?.label) || name,
  }
}
