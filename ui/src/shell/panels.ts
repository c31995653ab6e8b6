import { ref } from 'vue'

/** Things any page may open. */
export const paletteOpen = ref(false)
export const connectOpen = ref(false)
export const shortcutsOpen = ref(false)
