import { expect, it } from 'vitest'
import { backupPath } from './backup'

const when = new Date(2026, 0, 9, 7, 5, 3)

it('names the moment, in the data folder', () => {
  expect(backupPath('/home/ann/data', when)).toBe(
    '/home/ann/data/backups/branchline-20260109-070503.db',
  )
  expect(backupPath('/home/ann/data/', when)).toBe(
    '/home/ann/data/backups/branchline-20260109-070503.db',
  )
})

it('writes paths as the machine does', () => {
  expect(backupPath('C:\\data', when)).toBe('C:\\data\\backups\\branchline-20260109-070503.db')
})
