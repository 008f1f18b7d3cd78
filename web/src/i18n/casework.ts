/** The dispatcher's desk, the inbox, the field page, the wall. */
export const caseworkZh = {
  work: {
    desk: '派遣台', inbox: '部门待办', field: '现场', wall: '督办大屏', queue: '待办队列', view: '视图', viewDesk: '待派遣', viewAssigned: '待接收', viewHandling: '处置中', viewChecking: '待核查', viewOpen: '全部在办',
    search: '在队列里找：编号、内容、地址', emptyTitle: '都处理完了', emptyHint: '新的事件来了会自动出现在这里。', noMatch: '没有找到', moreWaiting: '只列出期限最近的 {n} 条，处理后其余会补上。', position: '第 {n} 条，共 {m} 条', arrived: '新到 {n} 条',
    photos: '{n} 张照片', suggestion: '系统建议', noSuggestion: '系统没有建议，请选择部门。', why: '理由', others: '其他可能', choose: '选择部门', chooseHint: '输入部门名称，回车确定', noneFound: '没有这个部门', inCategory: '同时改类别', keepCategory: '不改类别',
    accept: '采纳', open: '打开', reject: '不予受理', rejectHint: '说明为什么不受理，报告人会看到。', reason: '原因', needReason: '请写明原因。', pass: '核查通过', rework: '退回返工', reworkHint: '说明哪里没有做好。', merge: '合并', undo: '撤销', keys: '快捷键', help: '全部快捷键', done: '{n} 件：{what}',
    said: '{number} 派给 {who}', saidAct: '{number}：{what}', partly: '完成 {n} 条，{m} 条没有完成，已放回队列。', bulk: '批量采纳', bulkLead: '把握在此之上的建议一次采纳', bulkCount: '采纳 {n} 条', bulkNone: '没有这么有把握的', bulkSaid: '批量派遣 {n} 条', bulkTo: '将派给', least: '把握不低于',
    nearby: '附近与相似', nearbyNone: '附近 30 天内没有其他事件。', noPlace: '没有位置，查不了附近。', away: '距此 {m} 米', moved: '已移出队列', wait: '等待 {span}', due: '时限',
    keyMove: '上一条、下一条', keyAccept: '采纳建议或核查通过', keyAlt: '改派其他可能', keyDept: '选择部门', keyReject: '不予受理或退回返工', keyMerge: '并入建议的重复事件', keySearch: '查找', keyOpen: '打开事件页', keyUndo: '撤销上一步', keyBulk: '批量采纳', keyHelp: '显示快捷键', keyEsc: '关闭、清除查找', keyView: '切换视图',
  },
}
export const caseworkEn: typeof caseworkZh = {
  work: {
    desk: 'Dispatch desk', inbox: 'Inbox', field: 'Field', wall: 'Wall', queue: 'Queue', view: 'View', viewDesk: 'To dispatch', viewAssigned: 'To accept', viewHandling: 'In hand', viewChecking: 'To check', viewOpen: 'All running',
    search: 'Find in the queue: number, text, address', emptyTitle: 'All done', emptyHint: 'New cases appear here by themselves.', noMatch: 'Nothing found', moreWaiting: 'Only the {n} nearest deadlines are listed; the others follow.', position: '{n} of {m}', arrived: '{n} new',
    photos: '{n} photos', suggestion: 'Suggestion', noSuggestion: 'There is no suggestion; please choose a department.', why: 'Why', others: 'It could also be', choose: 'Choose a department', chooseHint: 'Type a name, Enter takes it', noneFound: 'No such department', inCategory: 'Change the category too', keepCategory: 'Keep the category',
    accept: 'Accept', open: 'Open', reject: 'Reject', rejectHint: 'Say why; the reporter will read it.', reason: 'Reason', needReason: 'Please give a reason.', pass: 'Passes', rework: 'Send back', reworkHint: 'Say what was not done well.', merge: 'Merge', undo: 'Undo', keys: 'Keys', help: 'All keys', done: '{n}: {what}',
    said: '{number} goes to {who}', saidAct: '{number}: {what}', partly: '{n} done; {m} were not and are back in the queue.', bulk: 'Accept many', bulkLead: 'Accept every suggestion at least this sure', bulkCount: 'Accept {n}', bulkNone: 'None is that sure', bulkSaid: '{n} dispatched', bulkTo: 'They go to', least: 'At least this sure',
    nearby: 'Nearby and similar', nearbyNone: 'Nothing else nearby in 30 days.', noPlace: 'No position to look around.', away: '{m} m away', moved: 'Out of the queue', wait: 'waits {span}', due: 'Due',
    keyMove: 'previous, next', keyAccept: 'accept the suggestion, or pass the check', keyAlt: 'take another option', keyDept: 'choose a department', keyReject: 'reject, or send back', keyMerge: 'merge into the suggested duplicate', keySearch: 'find', keyOpen: 'open the case', keyUndo: 'take back the last step', keyBulk: 'accept many', keyHelp: 'show the keys', keyEsc: 'close, clear the search', keyView: 'change the view',
  },
}
