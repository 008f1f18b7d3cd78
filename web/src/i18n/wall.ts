/** The supervisor's wall. */
export const wallZh = {
  wall: {
    title: '督办大屏', subtitle: '在办事件、时限与责任', running: '在办', red: '已超期', amber: '临近超期', green: '时限内', paused: '计时已停', desk: '待派遣', today: '今日受理', closed: '今日办结', ladder: '超期阶梯', escalated: '已升级上报', rung: '第 {n} 级', ages: '各环节停留时间', step: '环节', oldest: '最久',
    loads: '部门在办', loadsHint: '超期 · 临近 · 在办', hours: '{n} 小时', days: '{n} 天', under: '{span}内', over: '{span}以上',
  },
}
export const wallEn: typeof wallZh = {
  wall: {
    title: 'Supervision', subtitle: 'Running cases, their time and who has them', running: 'Running', red: 'Overdue', amber: 'Little time left', green: 'In time', paused: 'Clock stands', desk: 'To dispatch', today: 'Opened today', closed: 'Closed today', ladder: 'How late', escalated: 'Escalated', rung: 'Level {n}', ages: 'Time spent in each step', step: 'Step', oldest: 'Longest',
    loads: 'Load by department', loadsHint: 'overdue · soon · running', hours: '{n} h', days: '{n} d', under: 'under {span}', over: 'over {span}',
  },
}
