import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import type { Role } from './api/types'
import { useSession } from './stores/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** public: citizens' pages; office: with the side navigation; wall: full screen. */
    layout: 'public' | 'office' | 'wall' | 'bare'
    /** Who may open it; none: everybody, signed in or not. */
    roles?: readonly Role[]
    /** Key of the page's name. */
    title?: string
  }
}

/** The policies' own groups (identity/policies): who watches the city, keeps its data, keeps the platform. */
export const watchers: readonly Role[] = ['dispatcher', 'department_staff', 'field_worker', 'leader']
export const observers: readonly Role[] = [...watchers, 'data_steward']
export const ruleReaders: readonly Role[] = [...observers, 'administrator']
export const ruleEditors: readonly Role[] = ['data_steward', 'administrator']

const routes: RouteRecordRaw[] = [
  { path: '/', name: 'root', redirect: () => useSession().account ? useSession().home : '/signin' },
  { path: '/signin', component: () => import('./pages/SignInPage.vue'), meta: { layout: 'bare', title: 'signin.title' } },
  { path: '/report', component: () => import('./pages/ReportPage.vue'), meta: { layout: 'public', title: 'report.title' } },
  { path: '/nearby', component: () => import('./pages/NearbyPage.vue'), meta: { layout: 'public', title: 'citizen.nearTitle' } },
  { path: '/track', component: () => import('./pages/TrackEntryPage.vue'), meta: { layout: 'public', title: 'track.title' } },
  { path: '/track/:code', component: () => import('./pages/TrackPage.vue'), props: true, meta: { layout: 'public', title: 'track.title' } },
  { path: '/cockpit', component: () => import('./pages/CockpitPage.vue'), meta: { layout: 'wall', roles: watchers, title: 'cockpit.title' } },
  { path: '/wall', component: () => import('./pages/WallPage.vue'), meta: { layout: 'wall', roles: watchers, title: 'wall.title' } },
  { path: '/desk', component: () => import('./pages/DeskPage.vue'), meta: { layout: 'office', roles: ['dispatcher'], title: 'work.desk' } },
  { path: '/inbox/:id?', component: () => import('./pages/InboxPage.vue'), props: true, meta: { layout: 'office', roles: ['department_staff', 'field_worker', 'leader', 'dispatcher'], title: 'work.inboxTitle' } },
  { path: '/cases', component: () => import('./pages/CasesPage.vue'), meta: { layout: 'office', roles: watchers, title: 'cases.title' } },
  { path: '/cases/:id', component: () => import('./pages/CasesPage.vue'), props: true, meta: { layout: 'office', roles: watchers, title: 'cases.title' } },
  { path: '/field', component: () => import('./pages/field/FieldPage.vue'), meta: { layout: 'bare', roles: ['field_worker', 'department_staff'], title: 'field.title' } },
  { path: '/field/:tab(patrol|outbox)', component: () => import('./pages/field/FieldPage.vue'), props: true, meta: { layout: 'bare', roles: ['field_worker', 'department_staff'], title: 'field.title' } },
  { path: '/field/:tab(task)/:id', component: () => import('./pages/field/FieldPage.vue'), props: true, meta: { layout: 'bare', roles: ['field_worker', 'department_staff'], title: 'field.title' } },
  { path: '/notices/:tab(preferences)?', component: () => import('./pages/NoticesPage.vue'), props: true, meta: { layout: 'office', roles: [...ruleReaders, 'citizen'], title: 'bell.title' } },
  { path: '/evaluation', component: () => import('./pages/evaluation/EvaluationPage.vue'), meta: { layout: 'office', roles: watchers, title: 'evaluation.title' } },
  { path: '/evaluation/ranking', component: () => import('./pages/evaluation/RankingPage.vue'), meta: { layout: 'office', roles: ['dispatcher', 'leader'], title: 'evaluation.rankingTitle' } },
  { path: '/evaluation/process', component: () => import('./pages/evaluation/ProcessPage.vue'), meta: { layout: 'office', roles: ['dispatcher', 'leader', 'data_steward'], title: 'evaluation.processTitle' } },
  { path: '/evaluation/reports', component: () => import('./pages/evaluation/ReportsPage.vue'), meta: { layout: 'office', roles: ['dispatcher', 'leader'], title: 'evaluation.reportsTitle' } },
  { path: '/topics/:tab(hot|places|groups)?/:id?', component: () => import('./pages/TopicsPage.vue'), props: true, meta: { layout: 'office', roles: ['dispatcher', 'leader', 'department_staff'], title: 'topics.title' } },
  { path: '/net', component: () => import('./pages/net/NetOverviewPage.vue'), meta: { layout: 'office', roles: [...observers, 'administrator'], title: 'net.title' } },
  { path: '/net/map', component: () => import('./pages/net/NetMapPage.vue'), meta: { layout: 'office', roles: observers, title: 'net.mapTitle' } },
  { path: '/net/quarantine', component: () => import('./pages/net/QuarantinePage.vue'), meta: { layout: 'office', roles: ['data_steward', 'administrator'], title: 'net.quarantineTitle' } },
  { path: '/alarms', component: () => import('./pages/AlarmsPage.vue'), meta: { layout: 'office', roles: observers, title: 'alarms.title' } },
  { path: '/alarms/:id', component: () => import('./pages/AlarmsPage.vue'), props: true, meta: { layout: 'office', roles: observers, title: 'alarms.title' } },
  { path: '/rules', component: () => import('./pages/RulesPage.vue'), meta: { layout: 'office', roles: ruleReaders, title: 'rules.title' } },
  { path: '/rules/city/new', component: () => import('./pages/RuleEditPage.vue'), meta: { layout: 'office', roles: ruleEditors, title: 'rules.saveNew' } },
  { path: '/rules/city/:rule/edit', component: () => import('./pages/RuleEditPage.vue'), props: true, meta: { layout: 'office', roles: ruleEditors, title: 'rules.editing' } },
  { path: '/rules/:scene/:rule', component: () => import('./pages/RulePage.vue'), props: true, meta: { layout: 'office', roles: ruleReaders, title: 'rules.title' } },
  { path: '/devices', component: () => import('./pages/DevicesPage.vue'), meta: { layout: 'office', roles: observers, title: 'devices.title' } },
  { path: '/devices/:device', component: () => import('./pages/DevicePage.vue'), props: true, meta: { layout: 'office', roles: observers, title: 'devices.title' } },
  { path: '/sharing/:tab?', component: () => import('./pages/SharingPage.vue'), props: true, meta: { layout: 'office', roles: [...observers, 'administrator'], title: 'sharing.title' } },
  { path: '/admin/:tab?', component: () => import('./pages/AdminPage.vue'), props: true, meta: { layout: 'office', roles: ['administrator'], title: 'admin.title' } },
  { path: '/403', component: () => import('./pages/ForbiddenPage.vue'), meta: { layout: 'public', title: 'error.forbiddenTitle' } },
  { path: '/:rest(.*)*', component: () => import('./pages/MissingPage.vue'), meta: { layout: 'public', title: 'error.missingTitle' } },
]

export const router = createRouter({
  history: createWebHistory(),
  routes,
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
})

router.beforeEach(async (to) => {
  const session = useSession()
  await session.restore()
  if (to.path === '/signin' && session.account) return session.home
  const roles = to.meta.roles
  if (!roles) return true
  if (!session.account) return { path: '/signin', query: { to: to.fullPath } }
  return session.hasAny(roles) ? true : '/403'
})
