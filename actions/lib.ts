export { command } from '../cli/main.ts'
export { main, post } from './main.ts'
