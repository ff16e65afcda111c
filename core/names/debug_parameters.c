#include "names/debug_parameters.h"

#include <dwarf.h>
#include <gelf.h>

#include "names/debug_units.h"
#include "platform/processor.h"
#include "tmpalloc/status.h"

#define TYPE_LIMIT 16 /* typedefs and qualifiers that are followed */

static bool debug_parameters_follow(Dwarf_Die *die, unsigned attribute, Dwarf_Die *ret) {
    Dwarf_Attribute found;
    return dwarf_attr(die, attribute, &found) && dwarf_formref_die(&found, ret);
}

static bool find_type(Dwarf_Die *parameter, Dwarf_Die *ret) {
    Dwarf_Attribute found;
    if (!dwarf_attr_integrate(parameter, DW_AT_type, &found) || !dwarf_formref_die(&found, ret))
        return false;
    for (int i = 0; i < TYPE_LIMIT; i++) {
        int tag = dwarf_tag(ret);
        if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type &&
            tag != DW_TAG_restrict_type && tag != DW_TAG_atomic_type)
            return true;
        if (!debug_parameters_follow(ret, DW_AT_type, ret))
            return false;
    }
    return false;
}

enum passing { PASSED_ELSEWHERE, PASSED_AS_INTEGER, PASSED_SOMEHOW };

static enum passing passing_of(Dwarf_Die *parameter) {
    Dwarf_Die type;
    Dwarf_Attribute found;
    Dwarf_Word encoding;
    if (!find_type(parameter, &type))
        return PASSED_SOMEHOW;
    switch (dwarf_tag(&type)) {
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
    case DW_TAG_enumeration_type:
        return PASSED_AS_INTEGER;
    case DW_TAG_base_type:
        if (dwarf_formudata(dwarf_attr(&type, DW_AT_encoding, &found), &encoding) != 0)
            return PASSED_SOMEHOW;
        return encoding == DW_ATE_float ? PASSED_ELSEWHERE : PASSED_AS_INTEGER;
    default:
        return PASSED_SOMEHOW;
    }
}

/* The n-th parameter in an integer register of a function as it is in the source. */
static bool find_parameter(Dwarf_Die *function, uint32_t n, Dwarf_Die *ret) {
    if (dwarf_child(function, ret) != 0)
        return false;
    do {
        if (dwarf_tag(ret) != DW_TAG_formal_parameter)
            continue;
        enum passing passing = passing_of(ret);
        if (passing == PASSED_SOMEHOW)
            return false;
        if (passing == PASSED_AS_INTEGER && --n == 0)
            return true;
    } while (dwarf_siblingof(ret, ret) == 0);
    return false;
}

/* The parameter of a copy that stands for one of its origin. */
static bool find_instance(Dwarf_Die *copy, Dwarf_Die *parameter, Dwarf_Die *ret) {
    Dwarf_Die origin;
    if (dwarf_child(copy, ret) != 0)
        return false;
    do {
        if (dwarf_tag(ret) == DW_TAG_formal_parameter &&
            debug_parameters_follow(ret, DW_AT_abstract_origin, &origin) &&
            dwarf_dieoffset(&origin) == dwarf_dieoffset(parameter))
            return true;
    } while (dwarf_siblingof(ret, ret) == 0);
    return false;
}

static bool is_argument_register(const struct processor *processor, uint8_t atom,
                                 uint64_t *number_ret) {
    bool is_register = atom >= DW_OP_reg0 && atom <= DW_OP_reg31;
    uint32_t argument = is_register ? processor_argument(processor, atom - DW_OP_reg0) : 0;
    if (argument)
        *number_ret = argument;
    return argument != 0;
}

static bool is_constant(const Dwarf_Op *operations, size_t count, uint64_t *ret) {
    uint8_t atom = operations[0].atom;
    if (count != 2 || operations[1].atom != DW_OP_stack_value)
        return false;
    *ret = atom >= DW_OP_lit0 && atom <= DW_OP_lit31 ? (uint64_t)(atom - DW_OP_lit0)
                                                     : operations[0].number;
    return (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) ||
           (atom >= DW_OP_const1u && atom <= DW_OP_consts);
}

static struct debug_parameter debug_parameters_locate(const struct processor *processor,
                                                      Dwarf_Die *parameter, uint64_t address) {
    struct debug_parameter result = {.kind = DEBUG_PARAMETER_UNKNOWN};
    Dwarf_Attribute found;
    Dwarf_Op *operations;
    size_t count;
    Dwarf_Word constant;
    if (dwarf_formudata(dwarf_attr(parameter, DW_AT_const_value, &found), &constant) == 0)
        return (struct debug_parameter){DEBUG_PARAMETER_CONSTANT, constant};
    if (!dwarf_attr(parameter, DW_AT_location, &found) ||
        dwarf_getlocation_addr(&found, address, &operations, &count, 1) < 1 || count == 0)
        return result;
    if (count == 1 && is_argument_register(processor, operations[0].atom, &result.number))
        result.kind = DEBUG_PARAMETER_IN_REGISTER;
    else if (is_constant(operations, count, &result.number))
        result.kind = DEBUG_PARAMETER_CONSTANT;
    return result;
}

static struct debug_parameter find_at(const struct processor *processor, struct debug_units *units,
                                      uint64_t address, uint32_t n) {
    struct debug_parameter unknown = {.kind = DEBUG_PARAMETER_UNKNOWN};
    struct debug_place place;
    Dwarf_Die origin, parameter, instance;
    if (debug_units_find(units, address, &place) != TMPALLOC_OK || place.count == 0)
        return unknown;
    Dwarf_Die *copy = &place.functions[place.count - 1];
    if (!debug_parameters_follow(copy, DW_AT_abstract_origin,
                                 &origin)) /* the copy is all that was made of it */
        return find_parameter(copy, n, &parameter)
                   ? debug_parameters_locate(processor, &parameter, address)
                   : unknown;
    bool found =
        find_parameter(&origin, n, &parameter) && find_instance(copy, &parameter, &instance);
    return found ? debug_parameters_locate(processor, &instance, address) : unknown;
}

struct debug_parameter debug_parameter_find(Dwarf *dwarf, uint64_t address, uint32_t n) {
    struct debug_parameter result = {.kind = DEBUG_PARAMETER_UNKNOWN};
    struct debug_units *units;
    GElf_Ehdr header;
    const struct processor *processor =
        gelf_getehdr(dwarf_getelf(dwarf), &header) ? processor_of_machine(header.e_machine) : NULL;
    if (!processor || debug_units_create(dwarf, &units) != TMPALLOC_OK)
        return result;
    result = find_at(processor, units, address, n);
    debug_units_destroy(units);
    return result;
}
