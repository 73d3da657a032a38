/* What the buttons do, and what a changed parameter brings with it. */
#ifndef PEANUT_OFX_COMMANDS_H
#define PEANUT_OFX_COMMANDS_H

#include "ofx/instance.h"

ofx_status command_changed(struct instance *instance, ofx_properties in);

#endif
