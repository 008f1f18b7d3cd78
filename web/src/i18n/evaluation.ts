/** Texts of evaluation: indicators, rankings, reports, the process view. */
export const evaluationZh = {
  evaluation: {
    nav: '考核评价', title: '考核指标', rankingTitle: '部门排名', reportsTitle: '月报', processTitle: '流程分析',
    keptAt: '统计至 {time}', due: '还有 {n} 件案件待计入', from: '从', to: '到', period: '时间段', department: '部门', district: '区市', allDepartments: '全部部门', allDistricts: '全部区市',
    presets: { month: '本月', last: '上月', quarter: '近三个月', year: '近一年', own: '自选' },
    target: '目标 {value}', noTarget: '未设目标', met: '达标', missed: '未达标', before: '上期 {value}', noBefore: '上期无数据', none: '无数据', cases: '{n} 件', of: '{a} / {b}',
    higher: '越高越好', lower: '越低越好', owner: '责任单位：{name}', how: '口径', opened: '按立案日', closed: '按结案日',
    trend: '走势', step: { day: '按日', week: '按周', month: '按月' }, by: '分布', dims: { department: '部门', district: '区市', street: '街道', category: '类别', source: '来源', person: '人员' },
    name: '名称', value: '数值', numerator: '分子', denominator: '分母', open: '查看案件', deeper: '展开下级', up: '返回上级', empty: '所选范围内没有案件', rows: '只列出前 {n} 项', choose: '选择指标查看走势与分布',
    behind: '数字背后的案件', parts: { denominator: '全部计入', numerator: '符合', rest: '不符合' }, measured: '本件 {value}', hours: '{n} 小时', score: '{n} 分',
    survey: '回访', response: '接通率', satisfied: '满意率', weighted: '加权满意率', weightedHint: '按案件类别与来源的实际构成加权，可加权部分占 {part}', sampled: '抽中 {n}', reached: '接通 {n}', surveyNone: '还没有回访',
    ranking: {
      lead: '考虑了各自案件的难易构成和件数多少，不因运气或活儿轻而排前。', indicator: '指标', by: '对象', months: '月份', rank: '名次', cases: '件数', observed: '实际', expected: '预期', expectedHint: '按其案件类别构成、以全市水平计算', ratio: '实际/预期', fair: '公平值', interval: '95% 区间', why: '为什么', whole: '全市 {value}', unranked: '不排名',
      same: '差异可用偶然解释：全部并列。', few: '少于 {n} 件的不排名', until: '至',
    },
    reports: { lead: '每月 1 日自动生成上月月报；也可以为任一已结束的月份生成。', make: '生成月报', month: '月份', language: '语言', zh: '中文', en: '英文', state: '状态', by: '由 {name}', states: { asked: '排队中', made: '已生成', failed: '失败' }, empty: '还没有月报', asked: '已开始生成 {month} 的月报', hash: '校验值', reason: '原因' },
    process: {
      lead: '案件实际怎样流转，时间花在哪里，是否按流程办理。', closedOnly: '只看已结案', cases: '案件', events: '事件', variants: '路径', median: '中位时长', p90: '九成在', fitting: '按流程办理', cut: '案件超过 {n} 件，只分析最新的部分。', flow: '在流程图上', graph: '直接后继图', show: '显示', byTime: '停留时间', byCount: '次数', path: '路径', share: '占比', example: '举例', bottlenecks: '时间主要花在哪里',
      after: '“{a}”之后等“{b}”', ofAll: '占全部等待 {share}', waits: '{n} 次，中位 {median}，九成在 {p90} 内', deviations: '与流程不符', deviation: '在“{task}”时发生“{event}”', noDeviations: '所有案件都按流程办理', start: '开始', more: '其余 {n} 种路径', exportXes: '导出 XES', exportOcel: '导出 OCEL 2.0', waiting: '{n} 件在此等待', minutes: '{n} 分', hours: '{n} 小时', days: '{n} 天', flows: '流程版本', ended: '已结束', less: '收起', edges: '只画较多的 {n} 条连线',
    },
  },
}
export const evaluationEn: typeof evaluationZh = {
  evaluation: {
    nav: 'Evaluation', title: 'Indicators', rankingTitle: 'Ranking', reportsTitle: 'Monthly reports', processTitle: 'Process',
    keptAt: 'Counted up to {time}', due: '{n} cases still to be counted', from: 'From', to: 'To', period: 'Period', department: 'Department', district: 'District', allDepartments: 'All departments', allDistricts: 'All districts',
    presets: { month: 'This month', last: 'Last month', quarter: '3 months', year: '12 months', own: 'Own dates' },
    target: 'Target {value}', noTarget: 'No target', met: 'Target met', missed: 'Target missed', before: 'Before {value}', noBefore: 'Nothing before', none: 'No data', cases: '{n} cases', of: '{a} of {b}',
    higher: 'Higher is better', lower: 'Lower is better', owner: 'Owner: {name}', how: 'What is counted', opened: 'By day of opening', closed: 'By day of closing',
    trend: 'Trend', step: { day: 'Day', week: 'Week', month: 'Month' }, by: 'Breakdown', dims: { department: 'Departments', district: 'Districts', street: 'Streets', category: 'Categories', source: 'Sources', person: 'Persons' },
    name: 'Name', value: 'Value', numerator: 'Numerator', denominator: 'Denominator', open: 'Show cases', deeper: 'Open what is below', up: 'Back up', empty: 'No cases in what was chosen', rows: 'The first {n} only', choose: 'Choose an indicator for its trend and breakdown',
    behind: 'Cases behind the number', parts: { denominator: 'All counted', numerator: 'Fulfilling', rest: 'Not fulfilling' }, measured: 'Here {value}', hours: '{n} h', score: '{n}',
    survey: 'Call-backs', response: 'Answered', satisfied: 'Satisfied', weighted: 'Weighted', weightedHint: 'Weighted by the real mix of categories and sources; kinds with an answer are {part} of the cases', sampled: '{n} sampled', reached: '{n} answered', surveyNone: 'No call-backs yet',
    ranking: {
      lead: 'Allows for how hard and how many the cases are: nobody is first by luck or light work.', indicator: 'Indicator', by: 'Who', months: 'Months', rank: 'Rank', cases: 'Cases', observed: 'Observed', expected: 'Expected', expectedHint: 'Its own mix of categories at the city’s rates', ratio: 'Obs./exp.', fair: 'Fair value', interval: '95 % interval', why: 'Why', whole: 'City {value}', unranked: 'Not ranked',
      same: 'Chance explains the differences: all share a rank.', few: 'Fewer than {n} cases are not ranked', until: 'to',
    },
    reports: { lead: 'Made on the first of each month for the month before; ask for any month that has ended.', make: 'Make a report', month: 'Month', language: 'Language', zh: 'Chinese', en: 'English', state: 'State', by: 'by {name}', states: { asked: 'Waiting', made: 'Made', failed: 'Failed' }, empty: 'No reports yet', asked: 'The report of {month} is being made', hash: 'Checksum', reason: 'Reason' },
    process: {
      lead: 'How cases really run, where their time goes, and whether the flow is kept.', closedOnly: 'Closed cases only', cases: 'Cases', events: 'Events', variants: 'Variants', median: 'Median', p90: '90 % within', fitting: 'As declared', cut: 'More than {n} cases: only the newest are analysed.', flow: 'On the flow', graph: 'Directly-follows graph', show: 'Show', byTime: 'Time spent', byCount: 'Counts', path: 'Variant', share: 'Share', example: 'Example', bottlenecks: 'Where time goes',
      after: 'Waiting for “{b}” after “{a}”', ofAll: '{share} of all waiting', waits: '{n} times, median {median}, 90 % within {p90}', deviations: 'Not as declared', deviation: '“{event}” while at “{task}”', noDeviations: 'Every case kept to the flow', start: 'Start', more: '{n} more variants', exportXes: 'Export XES', exportOcel: 'Export OCEL 2.0', waiting: '{n} wait here', minutes: '{n} min', hours: '{n} h', days: '{n} d', flows: 'Version of the flow', ended: 'ended', less: 'Show fewer', edges: 'Only the {n} strongest links are drawn',
    },
  },
}
