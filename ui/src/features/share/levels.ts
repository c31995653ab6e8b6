/** MLflow's permissions in words, from least to most. */
export const LEVELS = [
  { value: 'NO_PERMISSIONS', label: 'Nothing', hint: 'Cannot see that it is there.' },
  { value: 'READ', label: 'Read', hint: 'Sees it, its runs and its files.' },
  { value: 'USE', label: 'Use', hint: 'Reads, and uses it from other things.' },
  { value: 'EDIT', label: 'Edit', hint: 'Also logs and changes.' },
  { value: 'MANAGE', label: 'Manage', hint: 'Also deletes, and says who may do what.' },
] as const
