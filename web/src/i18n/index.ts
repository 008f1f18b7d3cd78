import { createI18n } from 'vue-i18n'
import { en } from './en'
import { netEn, netZh } from './net'
import { zh } from './zh'

export const i18n = createI18n({
  legacy: false,
  locale: 'zh',
  fallbackLocale: 'zh',
  messages: { zh: { ...zh, ...netZh }, en: { ...en, ...netEn } },
})
