import { buildImage, buildImageFields, buildImageOutputs } from '../../shared/commands/build/build-image.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description: 'Builds the image of a version once, and pushes it; a version is one image.',
  fields: buildImageFields,
  outputs: buildImageOutputs,
  timeoutMs: ({ timeout }) => timeout,
  engine: 'of-machine',
  main: buildImage,
})
