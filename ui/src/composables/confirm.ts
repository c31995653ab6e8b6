import { shallowRef } from 'vue'

export interface Question {
  title: string
  /** What goes, in full sentences. */
  body: string
  /** Names of the things that go. */
  items?: string[]
  action: string
  danger?: boolean
}

interface Pending extends Question {
  answer: (yes: boolean) => void
}

export const pendingQuestion = shallowRef<Pending>()

/** Asks before something that cannot be undone. */
export function ask(question: Question): Promise<boolean> {
  pendingQuestion.value?.answer(false)
  return new Promise((resolve) => {
    pendingQuestion.value = {
      ...question,
      answer: (yes) => {
        pendingQuestion.value = undefined
        resolve(yes)
      },
    }
  })
}
