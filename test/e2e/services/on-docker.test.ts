import { pushgateway, python } from './docker-services.ts'
import { nest } from './node-services.ts'
import { testServices } from './promote-and-restore.ts'

testServices([nest, python, pushgateway])
