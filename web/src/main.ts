import './design/tokens.css'
import './design/base.css'
import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import { whenUnauthorized } from './api/client'
import App from './App.vue'
import { i18n } from './i18n'
import { router } from './router'
import { usePreferences } from './stores/preferences'
import { useSession } from './stores/session'

const app = createApp(App)
app.use(createPinia())
app.use(i18n)

const preferences = usePreferences()
watch(() => preferences.language, (to) => (i18n.global.locale.value = to), { immediate: true })

whenUnauthorized(() => {
  const session = useSession()
  session.expire()
  const here = router.currentRoute.value
  if (here.meta.roles) void router.push({ path: '/signin', query: { to: here.fullPath } })
})

app.use(router)
app.mount('#app')
