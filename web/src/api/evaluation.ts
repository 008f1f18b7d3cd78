/** Calls about indicators, rankings, call-backs, reports and the process view. */
import { download, http, type Query } from './client'
import type { components } from './openapi'
import type { Page } from './types'

type Schemas = components['schemas']
export type Indicator = Schemas['IndicatorOut']
export type Indicators = Schemas['IndicatorsOut']
export type Figure = Schemas['FigureOut']
export type NumberRow = Schemas['NumberOut']
export type Group = Schemas['GroupOut']
export type Trend = Schemas['TrendOut']
export type Ranking = Schemas['RankingOut']
export type Place = Schemas['PlaceOut']
export type Survey = Schemas['SurveyOut']
export type BehindItem = Schemas['BehindItem']
export type Report = Schemas['ReportOut']
export type Process = Schemas['ProcessOut']
export type Follows = Schemas['FollowsOut']
export type Conformance = NonNullable<Process['conformance']>
export type Dimension = 'department' | 'district' | 'street' | 'category' | 'source' | 'person'
export type Part = 'denominator' | 'numerator' | 'rest'

/** Days are the city's, both included. */
export interface Asked extends Query {
  from: string
  to: string
  department?: string | null
  district?: string | null
  street?: string | null
  category?: string | null
  source?: string | null
  person?: string | null
}

export const evaluationApi = {
  indicators: () => http.get<Indicators>('/evaluation/indicators'),
  figures: (asked: Asked) => http.get<{ items: Figure[] }>('/evaluation/figures', asked),
  trend: (asked: Asked, indicator: string, step: string) => http.get<Trend>('/evaluation/trend', { ...asked, indicator, step }),
  breakdown: (asked: Asked, by: Dimension, indicator: readonly string[]) =>
    http.get<{ items: Group[] }>('/evaluation/breakdown', { ...asked, by, indicator }),
  behind: (asked: Asked, indicator: string, part: Part, page: Query) =>
    http.get<Page<BehindItem>>('/evaluation/cases', { ...asked, indicator, part, ...page }),
  ranking: (asked: Asked, indicator: string, by: string) => http.get<Ranking>('/evaluation/ranking', { ...asked, indicator, by }),
  survey: (asked: Asked) => http.get<Survey>('/evaluation/survey', asked),
  reports: (page: Query) => http.get<Page<Report>>('/evaluation/reports', page),
  askReport: (month: string, language: string) => http.post<Report>('/evaluation/reports', { month, language }),
  reportFile: (report: Report, form: 'pdf' | 'xlsx') =>
    download(`/evaluation/reports/${report.id}/${form}`, {}, `cases-${report.month.slice(0, 7)}-${report.language}.${form}`),
  process: (asked: Query) => http.get<Process>('/process', asked),
  exportLog: (asked: Query, form: 'xes' | 'ocel') =>
    download(`/process/${form}`, asked, `cases-${asked.from}-${asked.to}.${form === 'xes' ? 'xes' : 'ocel.json'}`),
}
