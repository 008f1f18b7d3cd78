/** Citizens' pages beyond report and track. */
export const citizenZh = {
  citizen: {
    known: '附近可能已有人上报', knownHint: '是同一件事吗？点“我也遇到了”即可一起跟进，不必重复上报。', meToo: '我也遇到了', away: '距您 {m} 米', people: '{n} 人反映', followed: '已为您跟进', followedHint: '同一件事会一起办理，用查询码随时看进展。', category: '类别', categoryAny: '不确定，由系统判断', textOptional: '写了更好办，不写也行',
    queued: '已存在本机', queuedHint: '现在没有网络。网络恢复后会自动发送一次，请不要重复填写；可以关闭此页。', queuedRefused: '没有被接收', waiting: '等待网络', sending: '正在发送', edit: '改一改再报',
    near: '附近', nearTitle: '大家反映的问题', nearLead: '近 30 天。只显示类别、状态和大致位置（约 100 米），不含个人信息。', follow: '跟进', state: '状态', any: '全部', open: '办理中', done: '已办结', count: '{n} 件', pickPoint: '点一个圆点查看', list: '最近的', waitsSync: '待发送的上报', reporters: '共有 {n} 人反映同一件事', stands: '已并入 {number} 一起办理',
  },
}
export const citizenEn: typeof citizenZh = {
  citizen: {
    known: 'Perhaps already reported nearby', knownHint: 'Is it the same? “Me too” lets you follow it; there is no need to report it again.', meToo: 'Me too', away: '{m} m away', people: '{n} reported it', followed: 'You are following it', followedHint: 'The same event is handled once; use the code to see its progress.', category: 'Category', categoryAny: 'Not sure, let the platform decide', textOptional: 'words help, but are not needed',
    queued: 'Kept on this phone', queuedHint: 'There is no network now. It is sent once, by itself, when the network is back; please do not write it again. You can close this page.', queuedRefused: 'It was not accepted', waiting: 'Waiting for network', sending: 'Sending', edit: 'Change it and report again',
    near: 'Nearby', nearTitle: 'What people report', nearLead: 'The last 30 days. Only category, state and rough place (about 100 m); nothing personal.', follow: 'Follow', state: 'State', any: 'All', open: 'In hand', done: 'Closed', count: '{n}', pickPoint: 'Choose a dot', list: 'Latest', waitsSync: 'Reports to send', reporters: '{n} people told of the same event', stands: 'Handled together with {number}',
  },
}
