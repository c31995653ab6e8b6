import prettier from 'eslint-config-prettier'
import vue from 'eslint-plugin-vue'
import globals from 'globals'
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['dist/', 'node_modules/', 'src/api/schema.d.ts'] },
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  ...vue.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    files: ['src/**/*.{ts,vue}'],
    languageOptions: { globals: globals.browser },
    rules: {
      'no-console': 'error',
      'no-restricted-globals': [
        'error',
        { name: 'fetch', message: 'Use the typed client of src/api.' },
        { name: 'confirm', message: 'Use a dialog that names what goes.' },
        { name: 'alert', message: 'Use a toast or an error at its place.' },
      ],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/no-invalid-void-type': 'off',
      'vue/multi-word-component-names': 'off',
      'vue/require-default-prop': 'off',
      'vue/block-order': ['error', { order: ['script', 'template', 'style'] }],
      'vue/define-macros-order': [
        'error',
        { order: ['defineOptions', 'defineModel', 'defineProps', 'defineEmits'] },
      ],
      // Markdown is the only HTML that is set, and it is sanitised in one place.
      'vue/no-v-html': 'error',
      'vue/no-unused-refs': 'error',
      'vue/no-useless-v-bind': 'error',
    },
  },
  {
    // Tauri stays behind one door, so that the same UI runs in any browser.
    files: ['src/**/*.{ts,vue}'],
    ignores: ['src/host/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@tauri-apps/*'], message: 'Only src/host talks to the shell.' }] },
      ],
    },
  },
  {
    files: ['apidocs/**'],
    languageOptions: { globals: globals.browser, sourceType: 'script' },
  },
  { files: ['scripts/**', '*.config.*'], languageOptions: { globals: globals.node } },
  prettier,
)
