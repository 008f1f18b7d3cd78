/** Rules, dry runs, maintenance windows. */
export const rulesZh = {
  rules: {
    own: '本市自定', title: '规则', tabRules: '规则', tabMaintenance: '检修窗口', new: '新建本市规则', search: '名称、条件', scene: '来源', product: '产品', severity: '级别', operator: '判定方式', alarmsOpen: '未解除告警',
    condition: '判定条件', label: '名称', empty: '没有符合条件的规则', edit: '修改', end: '停用', endAsk: '停用后，这条规则的告警全部解除。确定停用吗？', ended: '已停用', copy: '以此为底新建本市规则', versions: '版本', version: '第 {n} 版',
    by: '{who}', endedVersion: '停用', inForce: '生效中', seeAlarms: '查看 {n} 条未解除告警', noAlarms: '没有未解除的告警', message: '告警内容', picture: '图示', notFound: '没有这条规则，或已停用。', raises: '生成事件：{category}', raisesNone: '只告警，不生成事件', packRule: '场景包自带的规则，随场景升级；要改动请以此为底新建本市规则。',
    pictureHint: '示意：红色阴影为告警时段', pickOperator: '判定方式', basics: '基本', when: '什么时候算异常', schedule: '何时生效', always: '始终生效', scheduled: '按时间表', texts: '告警内容', case: '生成事件', name: '规则代号', nameHint: '小写字母、数字和连字符，例如 tunnel-water；保存后不能改',
    labelZh: '中文名称', labelEn: '英文名称', messageZh: '中文内容', messageEn: '英文内容', placeholders: '点一下插入：', placeholder: { entity: '监测对象的名称', value: '触发时的数值', since: '从何时起' }, metric: '指标', chooseMetric: '请先选择产品',
    days: { all: '每天', working: '工作日（含调休）', off: '休息日' }, weekday: ['一', '二', '三', '四', '五', '六', '日'], hours: '时段', addHours: '添加时段', until: '至', caseCategory: '事件类别', caseNone: '不生成事件', save: '保存并生效', saved: '已保存，下一批读数起生效', saveNew: '新建规则', editing: '修改规则',
    tryFirst: '保存前，先用过去的数据试一试。', kept: '升级、合并与归组的设置保持不变。', wrong: '有 {n} 处需要修改。', required: '必填', over: '应不高于 {n}', under: '应不低于 {n}', overStrict: '应大于 {n}', number: '应为数字', tooShort: '不能为空', badName: '只能用小写字母、数字和连字符，以字母开头。', clearOver: '解除线不能比告警线更严重', bandInverted: '下限不能大于上限', everyDay: '请至少选一天', hoursSame: '时段的起止不能相同',
    operators: { threshold: '超过阈值', range: '超出范围', rate: '变化过快', stuck: '数值不变', silence: '失联', window: '时段统计', 'same-hour': '同期对比', neighbours: '与邻近不符', related: '与关联对象不符', forecast: '偏离预测' },
    about: {
      threshold: '读数高于或低于一个值，并持续一段时间。', range: '读数离开（或进入）一个区间。', rate: '读数上升或下降得太快。', stuck: '读数长时间纹丝不动，多半是设备坏了。', silence: '设备很久没有任何消息。',
      window: '过去一段时间的均值、最值、次数等越过界限。', 'same-hour': '与过去几周同一时刻相比明显反常。', neighbours: '与附近同类设备相差太大。', related: '与上下游等关联对象的读数对不上。', forecast: '超出预测的区间。',
    },
    field: {
      bound: '告警线', clear: '解除线', for_s: '持续', readings: '连续读数', minimum: '下限', maximum: '上限', when: '何时异常', margin: '回差', direction: '方向', rate: '变化界限', over_s: '测量跨度', gap_max_s: '最大间隔', tolerance: '容差', after_s: '失联时长', window_s: '统计时段',
      statistic: '统计量', count_min: '最少读数', every_s: '计算周期', weeks: '比较周数', weeks_min: '至少周数', measure: '衡量方式', spread_min: '最小离散', side: '偏向', nearest: '最近几台', within_m: '半径', neighbours_min: '至少邻居', 'other.product': '关联产品', 'other.metric': '关联指标', 'other.relation': '关系', 'other.points_to': '关系方向', 'other.combine': '多个时',
      compare: '比较方式', other_bound: '对方界限', step_s: '步长', ahead: '提前步数', history_days: '历史天数', share: '区间覆盖', relative_to: '按设备属性的比例', unless_at: '这些值不算',
    },
    hint: {
      clear: '回到这个值才解除，避免反复；不填同告警线', for_s: '条件须持续这么久', readings: '条件须连续这么多条读数', margin: '越过界限多少才解除', over_s: '0 为相邻两条读数之间', tolerance: '相差不超过它视为没变', spread_min: '波动比它小时按它计算', relative_to: '例如 capacity；界限便是它的比例，0.9 即 90%', unless_at: '用逗号分隔，例如 0', 'other.relation': '关联对象关系的名称；不填为同一对象', share: '0.5 到 1 之间，例如 0.99', bound: '越过它即为异常',
    },
    option: {
      above: '高于', below: '低于', outside: '离开区间', inside: '进入区间', up: '上升', down: '下降', either: '升降皆算', per_minute: '每分钟', per_hour: '每小时', mean: '平均', min: '最小', max: '最大', count: '条数', sum: '合计', rate: '变化率', both: '两侧', deviations: '标准差倍数', percent: '百分比', unit: '指标单位', other: '从本对象指向对方', this: '从对方指向本对象', difference: '相差', share: '占比',
    },
    compareBoth: '两者皆越界', unitS: '秒', unitMin: '分钟', unitH: '小时', unitD: '天', unitM: '米', unitN: '条', unitSteps: '步', unitWeeks: '周', unitDays: '天', unitDevices: '台',
  },
  dry: {
    title: '试运行', lead: '用过去的读数，看这条规则会产生多少告警。', span: '时间', days: '近 {n} 天', run: '试运行', running: '正在计算…', again: '重新试运行', compare: '与现行规则比较', opened: '会产生告警', of: '涉及设备', share: '告警时间占比', readings: '判断的读数', openAtEnd: '期末仍未解除', perDay: '每天产生的告警',
    worst: '最突出的设备', device: '设备', alarms: '告警', sample: '样例：{name}', draft: '试运行', current: '现行', none: '这段时间一条告警也不会产生。', noReadings: '这段时间没有读数可判断。', changed: '规则已改动，结果是改动前的。', firstAlarms: '只标出前 50 条', stands: '未解除', ofDevices: '{n} / {m} 台', more: '多 {n}', less: '少 {n}', same: '不变',
  },
  mw: {
    title: '检修窗口', lead: '窗口内，这些设备不产生新告警。', new: '新建检修窗口', kind: '范围', kinds: { device: '单台设备', entity: '监测对象', product: '一类产品', area: '区域' }, target: '对象', reason: '原因', from: '开始', to: '结束', state: '状态', running: '进行中', planned: '未开始', over: '已结束', endNow: '提前结束', endAsk: '现在就结束这个窗口吗？', ended: '已结束', made: '已建立检修窗口',
    by: '建立人', endedBy: '由 {who} 提前结束', empty: '没有检修窗口', onlyRunning: '只看进行中', hours: '持续', startNow: '现在开始', startIn: '{n} 小时后', reasonHint: '例如：传感器校准', needTarget: '请选择对象。', needReason: '请写明原因。', deviceHint: '输入设备编号或名称查找', starts: '开始时间',
  },
}
export const rulesEn: typeof rulesZh = {
  rules: {
    own: "The city's own", title: 'Rules', tabRules: 'Rules', tabMaintenance: 'Maintenance', new: 'New city rule', search: 'Name, condition', scene: 'From', product: 'Product', severity: 'Severity', operator: 'Kind', alarmsOpen: 'Standing alarms',
    condition: 'Condition', label: 'Name', empty: 'No such rules', edit: 'Change', end: 'End', endAsk: 'Its alarms clear when it ends. End it?', ended: 'Ended', copy: 'Make a city rule of it', versions: 'Versions', version: 'Version {n}',
    by: '{who}', endedVersion: 'Ended', inForce: 'In force', seeAlarms: 'See {n} standing alarms', noAlarms: 'No standing alarms', message: 'What the alarm says', picture: 'As a picture', notFound: 'There is no such rule, or it has ended.', raises: 'Raises a case: {category}', raisesNone: 'An alarm only, no case', packRule: 'This rule comes with its scene and is renewed with it; to change it, make a city rule of it.',
    pictureHint: 'Sketch: red shade is the alarm', pickOperator: 'Kind of rule', basics: 'What it is', when: 'When something is wrong', schedule: 'When it is in force', always: 'Always', scheduled: 'By schedule', texts: 'What the alarm says', case: 'Case', name: 'Code of the rule', nameHint: 'Lower case letters, digits and hyphens, e.g. tunnel-water; it stays',
    labelZh: 'Name in Chinese', labelEn: 'Name in English', messageZh: 'Message in Chinese', messageEn: 'Message in English', placeholders: 'Click to insert:', placeholder: { entity: 'the thing observed', value: 'the value that broke it', since: 'since when' }, metric: 'Metric', chooseMetric: 'Choose a product first',
    days: { all: 'Every day', working: 'Working days', off: 'Days off' }, weekday: ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'], hours: 'Hours', addHours: 'Add hours', until: 'to', caseCategory: 'Category of the case', caseNone: 'No case', save: 'Save, in force at once', saved: 'Saved; in force with the next readings', saveNew: 'New rule', editing: 'Change a rule',
    tryFirst: 'Try it over the past before you save it.', kept: 'What is set for escalation, floods and groups stays as it is.', wrong: '{n} fields need a change.', required: 'Required', over: 'At most {n}', under: 'At least {n}', overStrict: 'More than {n}', number: 'A number', tooShort: 'May not be empty', badName: 'Lower case letters, digits and hyphens only, a letter first.', clearOver: 'The bound for clearing must not be beyond the bound', bandInverted: 'The lower bound must not be over the upper one', everyDay: 'Choose a day at least', hoursSame: 'Hours must not end when they begin',
    operators: { threshold: 'Threshold', range: 'Range', rate: 'Rate of change', stuck: 'Stuck value', silence: 'Silence', window: 'Statistic of a window', 'same-hour': 'Same hour of past weeks', neighbours: 'Unlike its neighbours', related: 'Unlike what it relates to', forecast: 'Outside its forecast' },
    about: {
      threshold: 'A reading over or under a bound for some time.', range: 'A reading leaves a band, or enters it.', rate: 'Readings rise or fall too fast.', stuck: 'Readings stand still: a broken sensor, mostly.', silence: 'A device has said nothing for long.',
      window: 'A mean, extreme or count of the last while is beyond a bound.', 'same-hour': 'Unlike the same time in past weeks.', neighbours: 'Far from devices of its kind nearby.', related: 'At odds with what is up- or downstream.', forecast: 'Outside of the interval that was forecast.',
    },
    field: {
      bound: 'Bound', clear: 'Clears at', for_s: 'For', readings: 'Readings in a row', minimum: 'Lower bound', maximum: 'Upper bound', when: 'Wrong when', margin: 'Margin', direction: 'Direction', rate: 'Faster than', over_s: 'Measured over', gap_max_s: 'Widest gap', tolerance: 'Tolerance', after_s: 'Silent for', window_s: 'Window',
      statistic: 'Statistic', count_min: 'Readings at least', every_s: 'Evaluated every', weeks: 'Weeks compared', weeks_min: 'Weeks at least', measure: 'Measured in', spread_min: 'Least spread', side: 'Side', nearest: 'Nearest', within_m: 'Radius', neighbours_min: 'Neighbours at least', 'other.product': 'Other product', 'other.metric': 'Other metric', 'other.relation': 'Relation', 'other.points_to': 'Relation points', 'other.combine': 'If several',
      compare: 'Compare', other_bound: 'Bound of the other', step_s: 'Step', ahead: 'Steps ahead', history_days: 'Days of history', share: 'Interval covers', relative_to: 'Share of an attribute', unless_at: 'Except at',
    },
    hint: {
      clear: 'Clears only there, so that it does not flicker; empty: the bound', for_s: 'The condition must last so long', readings: 'So many readings in a row', margin: 'How far past the bound to clear', over_s: '0: from reading to reading', tolerance: 'A smaller difference is none', spread_min: 'A smaller spread counts as this', relative_to: 'e.g. capacity; the bound is a share of it, 0.9 is 90%', unless_at: 'Separated by commas, e.g. 0', 'other.relation': 'Name of the relation; empty: the same thing', share: 'Between 0.5 and 1, e.g. 0.99', bound: 'Beyond it something is wrong',
    },
    option: {
      above: 'over', below: 'under', outside: 'leaves the band', inside: 'enters the band', up: 'rises', down: 'falls', either: 'either way', per_minute: 'a minute', per_hour: 'an hour', mean: 'mean', min: 'least', max: 'greatest', count: 'count', sum: 'sum', rate: 'rate', both: 'both sides', deviations: 'standard deviations', percent: 'percent', unit: "the metric's unit", other: 'from this to the other', this: 'from the other to this', difference: 'difference', share: 'share',
    },
    compareBoth: 'both beyond', unitS: 's', unitMin: 'min', unitH: 'h', unitD: 'days', unitM: 'm', unitN: 'readings', unitSteps: 'steps', unitWeeks: 'weeks', unitDays: 'days', unitDevices: 'devices',
  },
  dry: {
    title: 'Dry run', lead: 'What the rule would have done with past readings.', span: 'Span', days: 'Last {n} days', run: 'Run dry', running: 'Running…', again: 'Run again', compare: 'Compare with the rule as it is', opened: 'Alarms opened', of: 'Devices in alarm', share: 'Share of time in alarm', readings: 'Readings judged', openAtEnd: 'Still open at the end', perDay: 'Alarms opened, by day',
    worst: 'Devices most in alarm', device: 'Device', alarms: 'Alarms', sample: 'Sample: {name}', draft: 'Draft', current: 'As it is', none: 'It would not have opened a single alarm.', noReadings: 'No readings to judge in this time.', changed: 'The rule has changed since this run.', firstAlarms: 'The first 50 are marked', stands: 'Standing', ofDevices: '{n} of {m}', more: '{n} more', less: '{n} fewer', same: 'as many',
  },
  mw: {
    title: 'Maintenance', lead: 'While a window lasts, its devices open no alarms.', new: 'New window', kind: 'Of', kinds: { device: 'A device', entity: 'A thing', product: 'A product', area: 'An area' }, target: 'Which', reason: 'Reason', from: 'From', to: 'Until', state: 'State', running: 'Running', planned: 'Planned', over: 'Over', endNow: 'End now', endAsk: 'End this window now?', ended: 'Ended', made: 'The window is set',
    by: 'By', endedBy: 'ended early by {who}', empty: 'No maintenance windows', onlyRunning: 'Running only', hours: 'Lasts', startNow: 'Now', startIn: 'In {n} h', reasonHint: 'e.g. calibration of sensors', needTarget: 'Please choose which.', needReason: 'Please give a reason.', deviceHint: 'Type a device id or name', starts: 'Starts',
  },
}
