export { main, post } from './main.ts'
