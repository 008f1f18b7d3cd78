import { createI18n } from 'vue-i18n'
import { bellEn, bellZh } from './bell'
import { caseworkEn, caseworkZh } from './casework'
import { citizenEn, citizenZh } from './citizen'
import { deskEn, deskZh } from './desk'
import { devicesEn, devicesZh } from './devices'
import { en } from './en'
import { evaluationEn, evaluationZh } from './evaluation'
import { fieldEn, fieldZh } from './field'
import { netEn, netZh } from './net'
import { rulesEn, rulesZh } from './rules'
import { topicsEn, topicsZh } from './topics'
import { wallEn, wallZh } from './wall'
import { zh } from './zh'

export const i18n = createI18n({
  legacy: false,
  locale: 'zh',
  fallbackLocale: 'zh',
  messages: {
    zh: { ...zh, ...bellZh, ...caseworkZh, ...citizenZh, ...deskZh, ...devicesZh, ...evaluationZh, ...fieldZh, ...netZh, ...rulesZh, ...topicsZh, ...wallZh },
    en: { ...en, ...bellEn, ...caseworkEn, ...citizenEn, ...deskEn, ...devicesEn, ...evaluationEn, ...fieldEn, ...netEn, ...rulesEn, ...topicsEn, ...wallEn },
  },
})
