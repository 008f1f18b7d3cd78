/** BPMN as the reader's language shows it. */
const bpmn = 'http://www.omg.org/spec/BPMN/20100524/MODEL'
const diagram = 'http://www.omg.org/spec/BPMN/20100524/DI'

/** Flows are named in Chinese; their English names stand in `documentation`. */
export function flowInLanguage(xml: string, language: string): string {
  if (language === 'zh') return xml
  const model = new DOMParser().parseFromString(xml, 'application/xml')
  for (const note of model.getElementsByTagNameNS(bpmn, 'documentation')) {
    const owner = note.parentElement
    if (owner?.hasAttribute('name') && note.textContent) owner.setAttribute('name', note.textContent)
  }
  // Label boxes are drawn for two Chinese characters; without them bpmn-js makes room itself.
  for (const label of [...model.getElementsByTagNameNS(diagram, 'BPMNLabel')]) label.remove()
  return new XMLSerializer().serializeToString(model)
}
