import { createI18n } from 'vue-i18n'
import { deskEn, deskZh } from './desk'
import { en } from './en'
import { netEn, netZh } from './net'
import { rulesEn, rulesZh } from './rules'
import { zh } from './zh'

export const i18n = createI18n({
  legacy: false,
  locale: 'zh',
  fallbackLocale: 'zh',
  messages: {
    zh: { ...zh, ...deskZh, ...netZh, ...rulesZh },
    en: { ...en, ...deskEn, ...netEn, ...rulesEn },
  },
})
