/** Readings of one device for its chart: fetched whole once, then only what is new. */
import { computed, onBeforeUnmount, onMounted, ref, shallowRef, watch, type Ref } from 'vue'
import { ApiError } from '@/api/client'
import { devices, type Forecast, type History } from '@/api/devices'
import type { Point } from './deviceChart'
import { bucketFor, spans, type SpanKey } from './spans'

const poll_ms = 5_000
const forecast_every_ms = 300_000
/** Shorter than this nobody sees the hours ahead beside the hours past. */
const forecast_hours: Partial<Record<SpanKey, number>> = { h1: 1, h24: 6, d7: 24 }

export interface Drawn {
  points: Point[]
  low: Point[] | null
  high: Point[] | null
}
interface Wanted {
  device: string
  metrics: string[]
  span: SpanKey
  from: number
  to: number
  interval_s: number
}

export function useDeviceHistory(wanted: Ref<Wanted | null>) {
  const drawn = shallowRef<Record<string, Drawn>>({})
  const forecast = shallowRef<Forecast['points']>([])
  const forecastAsked = ref(false)
  const now = ref(Date.now())
  const loading = ref(false)
  const error = shallowRef<unknown>(null)
  let question = 0
  let forecastAt = 0

  const live = computed(() => wanted.value !== null && wanted.value.span !== 'own')
  const range = computed(() => {
    const w = wanted.value
    if (!w) return { from: 0, to: 0 }
    return w.span === 'own' ? { from: w.from, to: w.to } : { from: now.value - spans[w.span], to: now.value }
  })
  const bucket = computed(() => (wanted.value ? bucketFor(range.value.to - range.value.from, wanted.value.interval_s) : null))

  function ask(w: Wanted, from: number, to: number): Promise<History> {
    return devices.history({
      series: w.metrics.map((metric) => `${w.device}:${metric}`),
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      ...(bucket.value ? { bucket: bucket.value.name, aggregate: 'mean,min,max' } : {}),
    })
  }
  /** What came takes the place of what was known from its first moment on. */
  function merge(history: History, from: number): void {
    const times = history.time.map((time) => Date.parse(time))
    const before = range.value.from - (bucket.value?.ms ?? 0)
    const out: Record<string, Drawn> = {}
    for (const metric of wanted.value?.metrics ?? []) {
      const known = drawn.value[metric]
      const column = (aggregate: string | null, old: Point[] | null | undefined): Point[] => {
        const values = history.series.find((s) => s.metric === metric && s.aggregate === aggregate)?.values ?? []
        const fresh = times.map((ms, i): Point => [ms, typeof values[i] === 'number' ? values[i] : typeof values[i] === 'boolean' ? Number(values[i]) : null])
        // Without buckets a null only says that another series was read at that moment.
        const kept = aggregate === null ? fresh.filter((p) => p[1] !== null) : fresh
        return [...(old ?? []).filter((p) => p[0] < from && p[0] >= before), ...kept]
      }
      out[metric] = bucket.value
        ? { points: column('mean', known?.points), low: column('min', known?.low), high: column('max', known?.high) }
        : { points: column(null, known?.points), low: null, high: null }
    }
    drawn.value = out
  }
  async function load(): Promise<void> {
    const w = wanted.value
    const mine = ++question
    if (!w || !w.metrics.length) return
    loading.value = true
    error.value = null
    now.value = Date.now()
    try {
      const history = await ask(w, range.value.from, range.value.to)
      if (mine !== question) return
      drawn.value = {}
      merge(history, Number.NEGATIVE_INFINITY)
    } catch (failure) {
      if (mine === question) {
        drawn.value = {}
        error.value = failure
      }
    } finally {
      if (mine === question) loading.value = false
    }
    if (mine === question) void foretell()
  }
  async function follow(): Promise<void> {
    const w = wanted.value
    if (!w || !live.value || document.hidden || loading.value || error.value) return
    const mine = question
    now.value = Date.now()
    const newest = Math.max(...Object.values(drawn.value).map((d) => d.points[d.points.length - 1]?.[0] ?? 0), 0)
    const from = newest ? (bucket.value ? newest : newest + 1) : range.value.from
    try {
      const history = await ask(w, from, now.value)
      if (mine === question) merge(history, from)
    } catch {
      // The next look finds it; the banner of the shell tells of a lost connection.
    }
    if (now.value - forecastAt > forecast_every_ms) void foretell()
  }
  async function foretell(): Promise<void> {
    const w = wanted.value
    const hours = w ? forecast_hours[w.span] : undefined
    const mine = question
    forecastAt = Date.now()
    if (!w || !hours || error.value) {
      forecast.value = []
      forecastAsked.value = false
      return
    }
    const found = await devices.forecast(w.device, w.metrics[0], hours).then((f) => f.points, () => [])
    if (mine !== question) return
    forecast.value = found
    forecastAsked.value = true
  }

  let timer = 0
  onMounted(() => (timer = window.setInterval(() => void follow(), poll_ms)))
  onBeforeUnmount(() => window.clearInterval(timer))
  watch(() => JSON.stringify(wanted.value), () => {
    forecast.value = []
    void load()
  }, { immediate: true })

  const refused = computed(() => error.value instanceof ApiError && error.value.status === 403)
  return { drawn, forecast, forecastAsked, range, bucket, live, loading, error, refused, load }
}
