import { fastify, jsonServer } from './node-services.ts'
import { testServices } from './promote-and-restore.ts'

testServices([fastify, jsonServer])
