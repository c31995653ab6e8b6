import { expect, it } from 'vitest'
import { joinCommand, splitCommand } from './command'
import { foldReturns, pieces } from './log'

it('splits a command as one types it, and expands nothing', () => {
  expect(splitCommand('python train.py --lr 0.1')).toEqual(['python', 'train.py', '--lr', '0.1'])
  expect(splitCommand(`echo "a  b" 'c "d"' e\\ f $HOME *`)).toEqual([
    'echo',
    'a  b',
    'c "d"',
    'e f',
    '$HOME',
    '*',
  ])
  expect(splitCommand('  ')).toEqual([])
  expect(splitCommand('a ""')).toEqual(['a', ''])
})

it('writes words so that they are read back', () => {
  const words = ['python', '-c', 'print("a b")', 'back\\slash', '']
  expect(splitCommand(joinCommand(words))).toEqual(words)
})

it('keeps the last state of a progress bar', () => {
  expect(foldReturns('10%\r50%\r100%\nnext')).toBe('100%\nnext')
  expect(foldReturns('windows\r\nline')).toBe('windows\nline')
})

it('colours what the program coloured', () => {
  expect(pieces('plain \u001b[31mred\u001b[0m')).toEqual([
    { text: 'plain ', style: '' },
    { text: 'red', style: 'ansi-red' },
  ])
})
