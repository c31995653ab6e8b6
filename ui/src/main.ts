import '@fontsource-variable/inter/index.css'
import '@fontsource-variable/jetbrains-mono/index.css'
import './styles/base.css'
import './styles/tokens.css'
import { VueQueryPlugin } from '@tanstack/vue-query'
import { createApp } from 'vue'
import { queryClient } from './api/query'
import App from './App.vue'
import { applyTheme } from './composables/theme'
import { router } from './router'

applyTheme()
createApp(App).use(VueQueryPlugin, { queryClient }).use(router).mount('#app')
