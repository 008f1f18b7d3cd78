/** Texts of the sensing net as a whole: overview, map, quarantine. */
export const netZh = {
  net: {
    title: '感知网总览', mapTitle: '感知网地图', quarantineTitle: '隔离',
    asOf: '数据时间 {time}', lanesMissing: '有 {n} 条接入分区没有应答，它们的设备显示的是较早的值。',
    empty: '感知网里还没有设备', emptyHint: '登记设备或导入设备表后，这里会显示它们的状况。',
    devices: '设备总数', online: '在线', silent: '失联', never: '其中从未上报', held: '隔离待处理', strangers: '其中未登记 {n}', ofAll: '占 {share}',
    worst: '最需要处理', worstHint: '失联比例最高的区市、产品与部门', allWell: '没有失联的设备', silentOf: '{silent} / {devices} 台失联',
    district: '区市', department: '部门', products: '{n} 种产品', byDistrict: '按区市', byDepartment: '按部门', byProduct: '按产品', noDistrict: '不在任何区市', noOwner: '未指定部门', unknownPart: '未命名（{code}）', showAll: '全部 {n} 项', showLess: '收起',
    columns: '{online} 在线，{silent} 失联，共 {devices} 台',
    trend: '趋势', readings: '读数', refused: '拒收', perSecond: '条/秒', onlineShare: '在线率', noTrend: '还没有可画的数据', hours: '{n} 小时', days: '{n} 天', range: '时间范围', zone: '时间为 {zone}',
    edges: '边缘站点', noEdges: '没有边缘站点', noEdgesHint: '网关运行 yunnao edge 并连上后会出现在这里。', edge: '站点', version: '规则版本', newest: '最新', behind: '待更新', pinned: '固定于 {version}', program: '程序', programRefused: '{version} 试运行失败，已退回', programComing: '将更新到 {version}', waiting: '待上传', messages: '{n} 条', lastReport: '最近报告', linkDown: '上次断线 {span}', offline: '离线', alarmsOpen: '本地告警',
    map: {
      product: '产品', anyProduct: '全部产品', metric: '着色', byOnline: '在线率', mean: '{metric}均值', find: '查找设备或地点', findHint: '设备编号、名称、区市', findNone: '没有找到', locate: '回到全市',
      legend: '图例', devices: '{n} 台设备', cells: '{n} 格', points: '{n} 台', cellDevices: '设备', cellOnline: '在线', cellMean: '均值', cellRange: '范围', zoomIn: '放大看这一格', noValue: '无数据', low: '低', high: '高',
      empty: '这里没有设备', emptyNet: '感知网里还没有带位置的设备', loading: '正在更新', silent: '失联', online: '在线', page: '设备页', place: '监测对象', lastSeen: '最近上报', never: '从未上报', noLatest: '还没有读数', list: '所见设备', listHint: '用方向键移动地图，加减号缩放', more: '还有 {n} 台', sameSpot: '此处有 {n} 台设备', kindDevice: '设备', kindDistrict: '区市', kindStreet: '街道',
    },
    q: {
      lead: '不认识的、不守规矩的设备先隔离，由您决定。', empty: '没有需要处理的设备', emptyHint: '所有在发数据的设备都已登记，并且守规矩。', emptyFiltered: '没有符合条件的记录',
      state: '状态', reason: '原因', search: '设备编号', device: '设备', since: '首次', last: '最近', sent: '被拒消息', often: '约每 {span}一条', seconds: '{n} 秒', sample: '最近一条消息的开头', codes: '拒收原因', product: '主题中的产品', noProduct: '没有产品“{product}”',
      select: '选择', selectAll: '选择本页全部', selected: '已选 {n} 项', register: '登记', release: '放行', block: '封禁',
      releaseAsk: '放行 {n} 台设备？', releaseText: '已登记的设备重新被采信；未登记的设备下次发消息时会再次列在这里。', blockAsk: '封禁 {n} 台设备？', blockText: '它们发来的消息将被丢弃，凭据全部吊销，连接立即断开。以后可以再放行。',
      released: '已放行 {n} 台设备', blocked: '已封禁 {n} 台设备', registered: '已登记 {device}', readOnly: '您可以查看；放行、封禁与登记由数据管理员决定。',
      registerTitle: '登记设备 {device}', nameZh: '名称（中文）', nameEn: '名称（英文）', nameHint: '例如：香港中路下穿通道水位计', entity: '监测对象编号', entityHint: '留空则与设备编号相同', department: '所属部门', place: '位置', pick: '在地图上选', repick: '重选位置', noPlace: '没有位置，将不出现在地图上', clearPlace: '去掉位置', needName: '请写名称。', save: '登记', earlier: '登记前它发来的消息在“死信”里等候重放。', known: '已登记', standing: '登记状态', details: '查看详情', decided: '处理于',
      code: { device_unknown: '设备未登记', product_unknown: '没有这个产品', device_of_other_product: '登记的是另一种产品', device_quarantined: '已在隔离中', device_blocked: '已封禁', device_retired: '已退役', rate_exceeded: '超过产品的速率', department_rate_exceeded: '超过部门的速率', payload_unreadable: '内容读不懂', metric_unknown: '没有这个指标', value_out_of_range: '数值超出范围', time_missing: '没有时间', time_in_future: '时间在未来' },
      states: { held: '待处理', registered: '已登记', released: '已放行', blocked: '已封禁' },
      reasons: { unknown: '未登记', other_product: '产品不符', refusals: '消息屡被拒收', over_rate: '发送过快', value_storm: '读数暴增' },
    },
  },
}
export const netEn: typeof netZh = {
  net: {
    title: 'Sensing net', mapTitle: 'Map of the sensing net', quarantineTitle: 'Quarantine',
    asOf: 'As of {time}', lanesMissing: '{n} parts of the intake did not answer: of their devices older values show.',
    empty: 'No devices yet', emptyHint: 'Once devices are registered or imported, their condition shows here.',
    devices: 'Devices', online: 'Online', silent: 'Silent', never: 'Of these never heard', held: 'Quarantined', strangers: '{n} not registered', ofAll: '{share} of all',
    worst: 'Broken first', worstHint: 'Districts, products and departments with the largest share silent', allWell: 'No device is silent', silentOf: '{silent} of {devices} silent',
    district: 'District', department: 'Department', products: '{n} products', byDistrict: 'By district', byDepartment: 'By department', byProduct: 'By product', noDistrict: 'In no district', noOwner: 'No department', unknownPart: 'Unnamed ({code})', showAll: 'All {n}', showLess: 'Show fewer',
    columns: '{online} online, {silent} silent, {devices} devices',
    trend: 'Trend', readings: 'Readings', refused: 'Refused', perSecond: '/s', onlineShare: 'Online', noTrend: 'Nothing to draw yet', hours: '{n} h', days: '{n} days', range: 'Time range', zone: 'Times are {zone}',
    edges: 'Edge sites', noEdges: 'No edge sites', noEdgesHint: 'A gateway that runs yunnao edge shows here once it is connected.', edge: 'Site', version: 'Rules', newest: 'Newest', behind: 'Update pending', pinned: 'Kept at {version}', program: 'Program', programRefused: '{version} failed its trial', programComing: '{version} is coming', waiting: 'To hand up', messages: '{n} messages', lastReport: 'Last report', linkDown: 'Last gap {span}', offline: 'Offline', alarmsOpen: 'Local alarms',
    map: {
      product: 'Product', anyProduct: 'All products', metric: 'Colour', byOnline: 'Share online', mean: 'Mean {metric}', find: 'Find a device or place', findHint: 'Device id, name, district', findNone: 'Nothing found', locate: 'Whole city',
      legend: 'Legend', devices: '{n} devices', cells: '{n} cells', points: '{n} devices', cellDevices: 'Devices', cellOnline: 'Online', cellMean: 'Mean', cellRange: 'Range', zoomIn: 'Look into this cell', noValue: 'No value', low: 'Low', high: 'High',
      empty: 'No devices here', emptyNet: 'No device has a place yet', loading: 'Updating', silent: 'Silent', online: 'Online', page: 'Device page', place: 'Thing', lastSeen: 'Last heard', never: 'Never heard', noLatest: 'No readings yet', list: 'Devices in view', listHint: 'Arrow keys move the map, plus and minus zoom', more: '{n} more', sameSpot: '{n} devices at this spot', kindDevice: 'Device', kindDistrict: 'District', kindStreet: 'Street',
    },
    q: {
      lead: 'Devices that nobody knows, and those that misbehave, are held until you decide.', empty: 'Nothing to decide', emptyHint: 'Every device that sends is registered and behaves.', emptyFiltered: 'No entry fits the filters',
      state: 'State', reason: 'Reason', search: 'Device id', device: 'Device', since: 'First', last: 'Last', sent: 'Refused', often: 'about one every {span}', seconds: '{n} s', sample: 'Beginning of the last message', codes: 'Why refused', product: 'Product in its topic', noProduct: 'There is no product “{product}”',
      select: 'Select', selectAll: 'Select all shown', selected: '{n} selected', register: 'Register', release: 'Release', block: 'Block',
      releaseAsk: 'Release {n} devices?', releaseText: 'Registered devices are believed again; one that is not registered is listed anew when it speaks.', blockAsk: 'Block {n} devices?', blockText: 'What they send is dropped, their credentials end and their connections are cut. They can be released later.',
      released: '{n} devices released', blocked: '{n} devices blocked', registered: '{device} registered', readOnly: 'You may look; releasing, blocking and registering is for data stewards.',
      registerTitle: 'Register {device}', nameZh: 'Name (Chinese)', nameEn: 'Name (English)', nameHint: 'e.g. Level gauge, Hongkong Road underpass', entity: 'Id of the thing it watches', entityHint: 'As the device’s id where left empty', department: 'Department', place: 'Place', pick: 'Choose on the map', repick: 'Choose again', noPlace: 'Without a place it is on no map', clearPlace: 'Remove the place', needName: 'Give a name.', save: 'Register', earlier: 'What it sent before waits in the dead letters.', known: 'Registered', standing: 'Standing', details: 'Details', decided: 'Decided',
      code: { device_unknown: 'Not registered', product_unknown: 'No such product', device_of_other_product: 'Registered as another product', device_quarantined: 'In quarantine', device_blocked: 'Blocked', device_retired: 'Retired', rate_exceeded: 'Beyond the product’s rate', department_rate_exceeded: 'Beyond the department’s rate', payload_unreadable: 'Unreadable', metric_unknown: 'No such metric', value_out_of_range: 'Out of range', time_missing: 'No time', time_in_future: 'Time in the future' },
      states: { held: 'To decide', registered: 'Registered', released: 'Released', blocked: 'Blocked' },
      reasons: { unknown: 'Not registered', other_product: 'Another product', refusals: 'Often refused', over_rate: 'Sends too fast', value_storm: 'Too many readings' },
    },
  },
}
