/** Where a backup goes when nobody says otherwise. Pure. */
export function backupPath(dataDir: string, when: Date): string {
  const pad = (n: number) => String(n).padStart(2, '0')
  const day = `${when.getFullYear()}${pad(when.getMonth() + 1)}${pad(when.getDate())}`
  const time = `${pad(when.getHours())}${pad(when.getMinutes())}${pad(when.getSeconds())}`
  const slash = dataDir.includes('\\') && !dataDir.includes('/') ? '\\' : '/'
  return [dataDir.replace(/[/\\]+$/, ''), 'backups', `branchline-${day}-${time}.db`].join(slash)
}
