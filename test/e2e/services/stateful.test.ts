import { testServices } from './promote-and-restore.ts'
import { etcd, prometheus, registry } from './stateful-services.ts'

testServices([etcd, prometheus, registry])
