import { command } from './main.ts'

await command()
