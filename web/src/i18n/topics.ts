/** Words of what many cases have in common. */
export const topicsZh = {
  topics: {
    title: '热点与共性问题', hot: '热点话题', places: '反复发生', groups: '群体诉求',
    hotLead: '把说同一件事的诉求归到一起，按人数、延续和新近排序', placesLead: '办结后又发生的地点和问题', groupsLead: '短时间内多人在同一片区反映同一问题，提前预警',
    people: '{n} 人', cases: '{n} 件', affected: '涉及人数', casesN: '事件', since: '始于', named: '提到的地点', casesAWeek: '每周事件', week: '{from} 至 {to}', itsCases: '相关事件', noCases: '没有您可以查看的事件',
    up: '上升', down: '下降', level: '平稳', none: '还没有热点话题', noneHint: '事件积累后自动归纳。',
    trouble: '问题', where: '地点', reopened: '办结后又发生', trend: '趋势', last: '最近一次', noPlaces: '没有反复发生的地点', noPlacesHint: '同一地点的同类问题办结后多次再发生，会列在这里。',
    crowd: '{people} 人反映，{cases} 件；平常同样时段约 {usual} 件。', standing: '待响应', answered: '已响应', ended: '已平息', answer: '我来响应', noGroups: '没有群体诉求预警', noGroupsHint: '出现异常聚集时会在这里和消息中提醒。',
  },
}
export const topicsEn: typeof topicsZh = {
  topics: {
    title: 'Topics in common', hot: 'Topics', places: 'Coming back', groups: 'Group complaints',
    hotLead: 'Reports of the same matter, ranked by people, duration and how recent they are', placesLead: 'Places and troubles that came back after they were closed', groupsLead: 'Many people with one complaint in one area within hours: an early warning',
    people: '{n} people', cases: '{n} cases', affected: 'People', casesN: 'Cases', since: 'Since', named: 'Places named', casesAWeek: 'Cases a week', week: '{from} to {to}', itsCases: 'Its cases', noCases: 'There is no case that you may see',
    up: 'Rising', down: 'Falling', level: 'Steady', none: 'No hot topics yet', noneHint: 'They gather by themselves once there are cases.',
    trouble: 'Trouble', where: 'Place', reopened: 'Came back', trend: 'Trend', last: 'Last', noPlaces: 'No place where trouble comes back', noPlacesHint: 'Places with the same trouble again and again after closing are listed here.',
    crowd: '{people} people in {cases} cases; usual for as many hours: {usual}.', standing: 'Unanswered', answered: 'Answered', ended: 'Over', answer: 'I answer for it', noGroups: 'No group complaints', noGroupsHint: 'An unusual crowd is told here and in the messages.',
  },
}
