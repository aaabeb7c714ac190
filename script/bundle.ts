// What script/build makes one bundle of: the entries of the actions, and the command.

export { main, post } from '../actions/main.ts'
export { command } from '../cli/main.ts'
