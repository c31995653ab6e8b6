import type { Component } from 'vue'

export interface MenuAction {
  label: string
  icon?: Component
  shortcut?: string
  danger?: boolean
  disabled?: boolean
  testid?: string
  act: () => void
}

/** A list of actions; null draws a line. */
export type MenuItems = (MenuAction | null)[]
