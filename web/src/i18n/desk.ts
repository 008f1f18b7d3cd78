/** The alarm desk. */
export const deskZh = {
  desk: {
    standing: '未解除', all: '全部', search: '筛选告警', since: '发生时间', sinceHours: '近 {n} 小时', sinceDays: '近 {n} 天', scene: '场景', rule: '规则',
    district: '区市', device: '设备', deviceHint: '设备编号（完整）', flat: '展开归组', flatHint: '同时列出归在原因之下的告警',
    lasts: '已持续 {span}', lasted: '历时 {span}', until: '抑制到', members: '其下 {n} 条', hideMembers: '收起', flood: '集中告警', beneath: '归在其下的告警',
    moreBeneath: '查看其下全部 {n} 条', cause: '可能原因', seeCause: '查看原因告警', seeFlood: '查看所属集中告警', partOfFlood: '属于集中告警', pick: '选择一条告警查看详情',
    keys: 'J/K 上下移动，回车打开，A 确认，X 选中，Esc 返回', empty: '没有符合条件的告警', emptyHint: '一切正常，或换一个筛选条件。', selected: '已选 {n} 条', select: '选中这条告警', selectAll: '选中本页全部',
    clearSelection: '取消选择', notFound: '没有这条告警。', noDevice: '不属于单台设备', place: '地点', noPlace: '没有坐标', value: '触发值', opened: '发生', cleared: '解除',
    acknowledgedAt: '确认', escalates: '将于此时升级', escalated: '已升级 {n} 次', assignee: '负责', nobody: '未指派', trace: '追踪号', timeline: '处理经过', facts: '情况',
    chart: '告警前后的读数', chartNone: '这段时间没有读数。', chartSilence: '失联期间没有读数，阴影为失联时段。', bound: '告警线', clearBound: '解除线', span: '告警时段', metric: '指标',
    ruleGone: '这条规则已停用。', followed: '随规则', condition: '判定条件', link: '规则',
    suppressedBy: '{who}：{why}', toUntil: '至 {time}', toSeverity: '级别：{severity}', to: '交给 {name}', theCause: '查看原因', caseLinked: '查看事件',
  },
  act: {
    acknowledge: '确认', suppress: '抑制', unsuppress: '结束抑制', assign: '指派', comment: '备注', close: '人工关闭', reason: '原因', reasonHint: '例如：道路施工，预计明天下午完工',
    how: '抑制多久', hours: '{n} 小时', days: '{n} 天', untilTime: '到 {time} 为止', needReason: '请写明原因。', needWho: '请选择交给谁。', mine: '由我负责', toDepartment: '交给部门',
    release: '取消指派', commentHint: '写下情况、进展或判断', closeHint: '规则要等情况消失过一次才会再次告警。', none: '当前账号没有可做的操作。', over: '告警已解除，只能备注。',
    done: '已完成：{action}', doneMany: '{action}：完成 {n} 条', failedMany: '{n} 条未完成：{why}', suppressMany: '抑制所选', acknowledgeMany: '确认所选',
  },
}
export const deskEn: typeof deskZh = {
  desk: {
    standing: 'Standing', all: 'All', search: 'Filter alarms', since: 'Opened', sinceHours: 'Last {n} h', sinceDays: 'Last {n} days', scene: 'Scene', rule: 'Rule',
    district: 'District', device: 'Device', deviceHint: 'Device id (whole)', flat: 'Ungroup', flatHint: 'Also list alarms that lie beneath their cause',
    lasts: 'for {span}', lasted: 'lasted {span}', until: 'suppressed until', members: '{n} beneath', hideMembers: 'Hide', flood: 'Flood', beneath: 'Alarms beneath it',
    moreBeneath: 'See all {n} beneath', cause: 'Probable cause', seeCause: 'See its cause', seeFlood: 'See its flood', partOfFlood: 'Part of a flood', pick: 'Choose an alarm to see it',
    keys: 'J/K move, Enter opens, A acknowledges, X selects, Esc goes back', empty: 'No such alarms', emptyHint: 'All is well, or try another filter.', selected: '{n} selected', select: 'Select this alarm', selectAll: 'Select all shown',
    clearSelection: 'Clear selection', notFound: 'There is no such alarm.', noDevice: 'Of no single device', place: 'Place', noPlace: 'No position', value: 'Value', opened: 'Opened', cleared: 'Cleared',
    acknowledgedAt: 'Acknowledged', escalates: 'Escalates at', escalated: 'Escalated {n} times', assignee: 'With', nobody: 'Nobody', trace: 'Trace', timeline: 'What happened', facts: 'Facts',
    chart: 'Readings around the alarm', chartNone: 'No readings in this time.', chartSilence: 'Silence has no readings; the shade is its span.', bound: 'Bound', clearBound: 'Clears at', span: 'Alarm', metric: 'Metric',
    ruleGone: 'This rule is not active any more.', followed: 'As its rule', condition: 'Condition', link: 'Rule',
    suppressedBy: '{who}: {why}', toUntil: 'until {time}', toSeverity: 'severity: {severity}', to: 'to {name}', theCause: 'See the cause', caseLinked: 'See the case',
  },
  act: {
    acknowledge: 'Acknowledge', suppress: 'Suppress', unsuppress: 'End suppression', assign: 'Assign', comment: 'Comment', close: 'Close by hand', reason: 'Reason', reasonHint: 'e.g. roadworks until tomorrow afternoon',
    how: 'For how long', hours: '{n} h', days: '{n} days', untilTime: 'until {time}', needReason: 'Please give a reason.', needWho: 'Please choose to whom.', mine: 'To me', toDepartment: 'To a department',
    release: 'To nobody', commentHint: 'What is known, done or thought', closeHint: 'The rule finds it anew only after its condition has ended once.', none: 'There is nothing this account may do.', over: 'The alarm is over; comments only.',
    done: 'Done: {action}', doneMany: '{action}: {n} done', failedMany: '{n} not done: {why}', suppressMany: 'Suppress selected', acknowledgeMany: 'Acknowledge selected',
  },
}
