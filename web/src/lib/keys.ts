/** A key that marks one sending, so that a repeated one makes nothing twice. */
export function newKey(): string {
  // randomUUID is missing where the page came over plain HTTP from another machine.
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`
}
