/** What a client calls itself, as a person would say it. Pure; tested. */

// The more particular first: each calls itself by the names of those after it, too.
const BROWSERS: [RegExp, string][] = [
  [/\bEdg\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\//, 'Firefox'],
  [/Chrome\//, 'Chrome'],
  [/\bMac OS X\b.*\bSafari\//, 'Safari'],
  [/\bAppleWebKit\//, 'WebKit'],
]
const SYSTEMS: [RegExp, string][] = [
  [/\bAndroid\b/, 'Android'],
  [/\b(iPhone|iPad)\b/, 'iOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]

const find = (list: [RegExp, string][], text: string) =>
  list.find(([pattern]) => pattern.test(text))?.[1]

export function clientName(agent: string): string {
  const browser = find(BROWSERS, agent)
  if (!browser) return agent.split(' ')[0] || 'Browser'
  const system = find(SYSTEMS, agent)
  return system ? `${browser} on ${system}` : browser
}
