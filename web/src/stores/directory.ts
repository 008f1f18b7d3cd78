/** The city's lists that many pages choose from: districts, departments, categories, products. */
import { defineStore } from 'pinia'
import { ref, shallowRef, type Ref } from 'vue'
import { api } from '@/api'
import type { Area, Category, Department, Page, Product } from '@/api/types'

export const useDirectory = defineStore('directory', () => {
  const districts = shallowRef<Area[]>([])
  const departments = shallowRef<Department[]>([])
  const categories = shallowRef<Category[]>([])
  const products = shallowRef<Product[]>([])
  const failed = ref(false)
  const pending = new Map<string, Promise<void>>()

  function once<T>(key: string, into: Ref<T[]>, fetch: () => Promise<Page<T>>): Promise<void> {
    let load = pending.get(key)
    if (!load) {
      load = fetch()
        .then((page) => {
          into.value = page.items
        })
        .catch(() => {
          failed.value = true
          pending.delete(key)
        })
      pending.set(key, load)
    }
    return load
  }
  return {
    districts,
    departments,
    categories,
    products,
    failed,
    loadDistricts: () => once('districts', districts, () => api.areas('district')),
    loadDepartments: () => once('departments', departments, api.departments),
    loadCategories: () => once('categories', categories, api.categories),
    loadProducts: () => once('products', products, api.products),
  }
})
