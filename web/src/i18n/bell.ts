/** Notices. */
export const bellZh = {
  bell: {
    title: '通知', some: '通知，{n} 条未读', unread: '未读', none: '没有通知', all: '全部通知', readAll: '全部设为已读', onlyUnread: '只看未读', preferences: '接收设置', everyOther: '其他所有通知', kind: '通知类别', save: '保存', saved: '已保存',
    email: '邮箱', sms: '短信手机号', notConfigured: '平台尚未开通', digest: '邮件汇总', digestAt: '汇总时间', digests: { none: '不汇总，逐条发送', hourly: '每小时一封', daily: '每天一封' }, quiet: '免打扰时段', quietUntil: '免打扰结束', quietHint: '时间按 {zone}。免打扰时段内邮件和短信推迟发送，紧急通知除外；站内通知总会收到。', secret: 'Webhook 签名密钥只显示这一次：',
    channel: { in_app: '站内', email: '邮件', sms: '短信', webhook: 'Webhook' },
  },
}
export const bellEn: typeof bellZh = {
  bell: {
    title: 'Notices', some: 'Notices, {n} unread', unread: 'unread', none: 'No notices', all: 'All notices', readAll: 'Mark all as read', onlyUnread: 'Only unread', preferences: 'How to tell me', everyOther: 'Every other notice', kind: 'Kind', save: 'Save', saved: 'Saved',
    email: 'E-mail', sms: 'Phone for SMS', notConfigured: 'not set up on this platform', digest: 'Gather e-mails', digestAt: 'At', digests: { none: 'no, one by one', hourly: 'one an hour', daily: 'one a day' }, quiet: 'Quiet hours', quietUntil: 'End of quiet hours', quietHint: 'Times are of {zone}. E-mail and SMS wait in quiet hours, unless urgent; notices here always come.', secret: 'The secret that signs the webhook is shown only once:',
    channel: { in_app: 'Here', email: 'E-mail', sms: 'SMS', webhook: 'Webhook' },
  },
}
