/** Rules, dry runs, maintenance. */
export const rulesZh = {
  rules: { own: '本市自定' },
}
export const rulesEn: typeof rulesZh = {
  rules: { own: "The city's own" },
}
